import { topicNamePattern, TOPIC_NAME } from '../std/topic-name.ts'
import { retentionMs } from './event-retention.ts'
import { isSchema, type Schema } from './json-schema.ts'

/**
 * What an event lacks of what every program takes for granted, as the rest of a sentence about it; null when it is whole. The keywords of its schema are
 * judged by {@link schemaFaults}.
 */
export function eventFaultOf(event: unknown): string | null {
  if (!isSchema(event) || typeof event['type'] !== 'string') return 'has no type'
  return dataFaultOf(event['data']) ?? listFaultOf(event) ?? ownerFaultOf(event) ?? numberFaultOf(event) ?? textFaultOf(event)
}

function dataFaultOf(data: unknown): string | null {
  if (!isSchema(data)) return 'has no schema of its data'
  if (data['type'] !== 'object' || !isSchema(data['properties'])) return 'has data without properties'
  return isTexts(data['required']) ? null : 'has data without a list of what is required'
}

function listFaultOf(event: Schema): string | null {
  for (const list of ['identity', 'personal']) if (!isTexts(event[list])) return `has no list ${list}, of names of fields`
  if (!Array.isArray(event['examples'])) return 'has no list examples'
  for (const [index, example] of event['examples'].entries()) {
    if (!isSchema(example) || !isSchema(example['data'])) return `has an example ${index + 1} without data`
    const missing = ['id', 'accountId', 'timestamp'].find((field) => typeof example[field] !== 'string')
    if (missing !== undefined) return `has an example ${index + 1} without the text ${missing}`
  }
  return null
}

function ownerFaultOf({ owner, deprecated }: Schema): string | null {
  if (!isSchema(owner)) return 'has no owner'
  for (const field of ['team', 'contact']) if (typeof owner[field] !== 'string') return `has an owner without a ${field}`
  if (deprecated === undefined) return null
  const { on, successor } = isSchema(deprecated) ? deprecated : {}
  if (typeof on !== 'string') return 'is deprecated without a date "on"'
  return typeof successor === 'string' || successor === null ? null : 'is deprecated without a successor, which may be null'
}

function numberFaultOf({ version, minor }: Schema): string | null {
  if (!isNumber(version, 1)) return `has the version ${JSON.stringify(version)}, which is not 1 or above`
  return minor === undefined || isNumber(minor, 0) ? null : `has the minor ${JSON.stringify(minor)}, which is not 0 or above`
}

function textFaultOf({ retention, topic, ...event }: Schema): string | null {
  if (typeof retention !== 'string' || !Object.hasOwn(retentionMs, retention))
    return `has the retention ${JSON.stringify(retention)}, which is not ${Object.keys(retentionMs).join(' or ')}`
  if (topic !== undefined && !(typeof topic === 'string' && topicNamePattern.test(topic)))
    return `has the topic ${JSON.stringify(topic)}, which is not ${TOPIC_NAME}`
  const missing = ['summary', 'since', 'key'].find((field) => typeof event[field] !== 'string')
  return missing === undefined ? null : `has no text ${missing}`
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((one) => typeof one === 'string')
}

function isNumber(value: unknown, least: number): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value >= least
}
