import { envelopeFault, schemaFault } from '../events/catalogue/catalogue.ts'
import type { EventDefinition } from '../events/catalogue/define-event.ts'
import { inputName, methodName } from '../events/input-names.ts'
import { occurrenceFields } from '../events/publisher-input.ts'
import { createTypeFilter, isTypePattern, PATTERN_FAULT } from '../ingest/type-filter.ts'
import type { Consumer } from '../model/consumer.ts'
import { envelopeOf } from './asyncapi.ts'
import { eventFaultOf } from './event-shape.ts'
import { everyCaseOf, isSchema, propertiesOf, typesOf, valuesOf, type Schema } from './json-schema.ts'
import { schemaFaults } from './schema-faults.ts'

/** What a catalogue has to keep: one sentence for each rule that is broken, with the way out; none for a good one. */
export function brokenRules(
  events: readonly EventDefinition[],
  consumers: readonly Pick<Consumer, 'name' | 'topic' | 'types'>[],
  defaultTopic: string,
): readonly string[] {
  const named = events.filter(isNamed)
  const types = named.map(({ type }) => type)
  // Rules read what an event of the right shape has.
  const whole = events.filter((event) => eventFaultOf(event) === null)
  return [
    ...repeated(types).map((type) => `${type}: two events have this name. Give one of them another.`),
    ...events.flatMap((event, index) => misshapen(event, index)),
    ...whole.flatMap((event) => rulesBrokenBy(event, types).map((sentence) => `${event.type}: ${sentence}`)),
    ...repeatedMethods(types),
    ...repeatedExamples(whole),
    ...mixedTopics(whole, defaultTopic),
    ...consumers.flatMap((consumer) => unknownTypes(consumer, named, defaultTopic)),
  ]
}

function isNamed({ type }: Partial<EventDefinition>): boolean {
  return typeof type === 'string'
}

function misshapen(event: EventDefinition, index: number): readonly string[] {
  const fault = eventFaultOf(event)
  if (fault === null) return []
  return [
    `${isNamed(event) ? event.type : `event ${index + 1}`}: it ${fault}. src/events/catalogue/define-event.ts says what an event has.`,
  ]
}

/** Words of a name are joined by `_`, parts by `.`; two or three parts. */
const namePattern = /^[a-z][a-z0-9]*(?:_[a-z0-9]+)*(?:\.[a-z][a-z0-9]*(?:_[a-z0-9]+)*){1,2}$/
const fieldPattern = /^[a-z][a-z0-9]*(?:_[a-z][a-z0-9]*)*$/
/** Past tenses that do not end in `ed`. */
const irregular = new Set([
  'sent',
  'paid',
  'sold',
  'left',
  'made',
  'won',
  'lost',
  'met',
  'built',
  'begun',
  'chosen',
  'given',
  'taken',
  'withdrawn',
  'set',
  'read',
  'spent',
])

/** What the input of every event has beside the fields of its data. The campaign is in both, under one name. */
const beside: ReadonlySet<string> = new Set(occurrenceFields.filter((name) => name !== 'campaignId'))

function rulesBrokenBy(event: EventDefinition, types: readonly string[]): readonly string[] {
  const { type, summary, owner, since, deprecated, data, identity, personal, examples } = event
  const broken: string[] = []
  if (!namePattern.test(type))
    broken.push('a name is entity.past_tense_verb, or has three parts; each of lower-case letters, digits and underscores.')
  const verb = type.slice(type.lastIndexOf('.') + 1).split('_')
  if (!verb.some((word) => (word.length > 3 && word.endsWith('ed')) || irregular.has(word)))
    broken.push(`"${verb.join('_')}" does not say what happened. Name the fact in the past tense, such as created.`)
  if (!/^[A-Z].*\.$/.test(summary)) broken.push('its summary is no sentence. Begin it with a capital letter and end it with a full stop.')
  if (owner.team.trim() === '' || owner.contact.trim() === '') broken.push('it has no owner. Name a team and how it is reached.')
  if (!/^\d+\.\d+\.\d+$/.test(since)) broken.push(`since is "${since}". Name the release of the catalogue, such as 1.0.0.`)
  for (let from = 1; from < event.version; from++)
    if (event.upcasters?.[from] === undefined)
      broken.push(`it has no upcaster from version ${from}. Records of that version are still read.`)
  if (deprecated !== undefined) {
    if (!isDate(deprecated.on)) broken.push(`it is deprecated on "${deprecated.on}". Give a date, such as 2026-01-31.`)
    if (deprecated.successor !== null && !types.includes(deprecated.successor))
      broken.push(`its successor ${deprecated.successor} is not in the catalogue. Add it, or say null.`)
  }
  const faultsOfSchema = schemaFaults(data, '/data')
  broken.push(...faultsOfSchema, ...fieldNameFaults(data))
  const fields = Object.keys(data.properties)
  if (!data.required.includes('campaign_id'))
    broken.push('its data has no campaign_id, which is the key of its record. Add it as a required field.')
  else if (!isUuid(data.properties['campaign_id']))
    broken.push(
      'its campaign_id, which is the key of its record, is no text of the format uuid. Write uuid of src/events/catalogue/schema.ts.',
    )
  if (identity.length === 0) broken.push('it has no identity. Name the fields of data that identify the fact.')
  for (const field of identity) {
    if (!data.required.includes(field)) broken.push(`its identity has ${field}, which is not a required field of data.`)
    else if (mayHoldOthers(propertiesOf(data)[field] ?? {}))
      broken.push(`its identity has ${field}, which may be an object or a list: all of them would have one id. Name fields of one value.`)
  }
  for (const field of personal) if (!fields.includes(field)) broken.push(`personal names ${field}, which is not a field of data.`)
  if (examples.length === 0) broken.push('it has no example. Give one whole event.')
  if (faultsOfSchema.length > 0) return broken
  for (const [index, example] of examples.entries()) {
    const fault = envelopeFault(envelopeOf(event, example)) ?? schemaFault(data, example.data)
    if (fault !== null) broken.push(`its example ${index + 1} is not valid: ${fault}.`)
  }
  return broken
}

/** The publisher's input has fields in camel case, and a BusinessEvent's are read back from it: each name has to survive both ways. */
function fieldNameFaults({ properties }: EventDefinition['data']): readonly string[] {
  const fields = Object.keys(properties)
  const wellFormed = fields.filter((field) => fieldPattern.test(field))
  return [
    ...fields
      .filter((field) => !fieldPattern.test(field))
      .map((field) => `${field} is no name of a field. Write lower-case words joined by _, each beginning with a letter.`),
    ...wellFormed
      .filter((field) => beside.has(inputName(field)))
      .map((field) => `${field} would take the place of ${inputName(field)}, which every event's input has. Give the field another name.`),
  ]
}

function isUuid(schema: object | undefined): boolean {
  return isSchema(schema) && schema['type'] === 'string' && schema['format'] === 'uuid'
}

/** Ids are derived from texts of the values, and `String` has one text for every object. */
function mayHoldOthers(schema: Schema): boolean {
  return everyCaseOf(schema).some((one) => {
    const values = valuesOf(one)
    if (values !== null) return values.some((value) => typeof value === 'object' && value !== null)
    return typesOf(one).some((type) => type === 'object' || type === 'array')
  })
}

function repeatedMethods(types: readonly string[]): readonly string[] {
  return Object.entries(Object.groupBy(new Set(types), methodName)).flatMap(([method, same = []]) =>
    same.length < 2 ? [] : [`${same.join(' and ')} would both be published by ${method}. Give one of them another name.`],
  )
}

function repeatedExamples(events: readonly EventDefinition[]): readonly string[] {
  const ids = events.flatMap(({ examples }) => examples.map(({ id }) => id.toLowerCase()))
  return repeated(ids).map((id) => `${id} is the id of two examples. Give each its own: consumers would take them for one event.`)
}

/** A topic has one retention. */
function mixedTopics(events: readonly EventDefinition[], defaultTopic: string): readonly string[] {
  const classes = new Map<string, Set<string>>()
  for (const { topic = defaultTopic, retention } of events) classes.set(topic, (classes.get(topic) ?? new Set()).add(retention))
  return [...classes].flatMap(([topic, found]) =>
    found.size < 2
      ? []
      : [`${topic} has events of the retention classes ${[...found].join(' and ')}. Give those of one class a topic of their own.`],
  )
}

function unknownTypes(
  { name, types, ...rest }: Pick<Consumer, 'name' | 'topic' | 'types'>,
  events: readonly EventDefinition[],
  defaultTopic: string,
): readonly string[] {
  const read = rest.topic ?? defaultTopic
  const there = events.filter((event) => (event.topic ?? defaultTopic) === read)
  return types.flatMap((pattern) => {
    if (!isTypePattern(pattern)) return [`consumer ${name}: ${pattern} ${PATTERN_FAULT}.`]
    const filter = createTypeFilter(
      [pattern],
      events.map(({ type }) => type),
    )
    if (there.some(({ type }) => filter.handles(type))) return []
    const elsewhere = events.find(({ type }) => filter.handles(type))
    return elsewhere === undefined
      ? [`consumer ${name}: ${pattern} matches no event of the catalogue. Add the event, or correct the name.`]
      : [
          `consumer ${name}: ${elsewhere.type} is published to ${elsewhere.topic ?? defaultTopic}, and the group reads ${read}. Name that topic.`,
        ]
  })
}

function repeated(values: readonly string[]): readonly string[] {
  return [...new Set(values.filter((value, index) => values.indexOf(value) !== index))]
}

function isDate(text: string): boolean {
  const at = new Date(`${text}T00:00:00Z`)
  return /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(at.getTime()) && at.toISOString().startsWith(text)
}
