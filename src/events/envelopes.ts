import { correlationIdInHeaders } from './correlation.ts'
import { readJson } from './read-json.ts'
import { header, headerTexts, type WithHeaders } from './header.ts'

/** The fields of an event as they were sent, in our names and not checked yet. */
export interface ReadEnvelope {
  readonly fields: unknown
  /** The versions that it names; none: version 1. */
  readonly versions: readonly string[]
  /** Not checked yet; null: it names none. */
  readonly correlationId: unknown
  /** The type, where the form is not our own and names one. */
  readonly foreignType?: string | undefined
}

/** A form in which an event may come. */
interface Envelope {
  /** In the detail of a dead letter, about events of this form. */
  readonly name: string
  reads(value: Fields, record: WithHeaders): boolean
  read(value: Fields, record: WithHeaders): ReadEnvelope | { readonly fault: string }
}

type Fields = Readonly<Record<string, unknown>>

/** Our own: what the publisher writes. */
const domainEvent: Envelope = {
  name: 'a domain event',
  // The data of a binary CloudEvent may have such fields too.
  reads: (value, record) => 'account_id' in value && 'data' in value && (!isBinary(record) || ('id' in value && 'type' in value)),
  read: (value, record) => ({
    fields: value,
    versions: headerTexts(record, header.version),
    correlationId: correlationIdInHeaders(record),
  }),
}

/** https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md */
const structuredCloudEvent: Envelope = {
  name: 'a structured CloudEvent',
  reads: (value, record) => 'specversion' in value && !isBinary(record),
  read(value) {
    const { data_base64: encoded } = value
    if (typeof encoded !== 'string') return fromAttributes(value, value['data'])
    const data = readJson(Buffer.from(encoded, 'base64'))
    return 'value' in data ? fromAttributes(value, data.value) : { fault: `data_base64: ${data.detail}` }
  },
}

/** https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md#32-binary-content-mode */
const binaryCloudEvent: Envelope = {
  name: 'a binary CloudEvent',
  reads: (_, record) => isBinary(record),
  read(value, record) {
    const attributes: Record<string, unknown> = {}
    for (const name of attributeNames) {
      const [first, ...others] = headerTexts(record, `ce_${name}`)
      if (others.some((other) => other !== first)) return { fault: `ce_${name} occurs twice` }
      if (first !== undefined) attributes[name] = first
    }
    return fromAttributes(attributes, value)
  },
}

/** Whether the attributes of a CloudEvent are in the headers. */
function isBinary(record: WithHeaders): boolean {
  return headerTexts(record, 'ce_specversion').length > 0
}

const attributeNames = ['specversion', 'id', 'source', 'type', 'time', 'accountid', 'eventversion', 'correlationid'] as const

/** `accountid`, `eventversion` and `correlationid` are extensions: attributes have no room for these. */
function fromAttributes(attributes: Fields, data: unknown): ReadEnvelope | { readonly fault: string } {
  const { specversion, id, source, type, time, accountid, eventversion, correlationid = null } = attributes
  if (specversion !== '1.0') return { fault: 'specversion is not 1.0' }
  if (typeof source !== 'string' || source === '') return { fault: 'source is missing' }
  return {
    fields: { id, type, account_id: accountid, campaign_id: isFields(data) ? data['campaign_id'] : undefined, data, timestamp: time },
    versions: textsOf(eventversion),
    correlationId: correlationid,
  }
}

/** `BusinessEvent`: fields in camel case, and what is about the event itself in `metadata`. */
const businessEvent: Envelope = {
  name: 'a BusinessEvent',
  reads: (value) => isFields(value['metadata']),
  read(value) {
    const metadata = isFields(value['metadata']) ? value['metadata'] : {}
    const data = isFields(value['data']) ? snakeCased(value['data']) : value['data']
    const inData = isFields(data) ? data : {}
    const { account_id, ...rest } = inData
    const campaign = value['aggregateType'] === 'campaign' ? value['aggregateId'] : undefined
    return {
      fields: {
        id: value['id'],
        type: value['type'],
        account_id: metadata['accountId'] ?? account_id,
        campaign_id: inData['campaign_id'] ?? campaign,
        data: isFields(data) ? { ...rest, campaign_id: inData['campaign_id'] ?? campaign } : data,
        timestamp: metadata['timestamp'],
      },
      versions: textsOf(metadata['version']),
      correlationId: metadata['correlationId'] ?? null,
    }
  },
}

/** In the order in which they are tried; the first is what is read when no other fits. */
const envelopes: readonly Envelope[] = [domainEvent, structuredCloudEvent, binaryCloudEvent, businessEvent]

/** What a value says of its event, whatever its form. */
export function readEnvelope(value: unknown, record: WithHeaders): ReadEnvelope | { readonly fault: string } {
  if (!isFields(value)) return { fields: value, versions: [], correlationId: null }
  const envelope = envelopes.find((one) => one.reads(value, record)) ?? domainEvent
  const read = envelope.read(value, record)
  if ('fault' in read) return { fault: `as ${envelope.name}: ${read.fault}` }
  return envelope === domainEvent
    ? read
    : {
        ...read,
        fields: withoutGaps(read.fields),
        correlationId: read.correlationId ?? correlationIdInHeaders(record),
        foreignType: typeOf(read.fields),
      }
}

function typeOf(fields: unknown): string | undefined {
  return isFields(fields) && typeof fields['type'] === 'string' ? fields['type'] : undefined
}

/** What is undefined is missing. */
function withoutGaps(fields: unknown): unknown {
  return isFields(fields) ? Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) : fields
}

/** What is neither a text nor a number names no version, and is refused as the empty text. */
function textsOf(version: unknown): readonly string[] {
  // An attribute that is null is one that is not set: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md#22-type-system-mapping
  if (version === undefined || version === null) return []
  return [typeof version === 'string' || typeof version === 'number' ? String(version) : '']
}

function snakeCased(fields: Fields): Fields {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`), value]),
  )
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
