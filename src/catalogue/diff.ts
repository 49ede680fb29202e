import { isDeepStrictEqual } from 'node:util'
import type { EventDefinition } from '../events/catalogue/define-event.ts'
import { breaksBetween, counterexample, type Break } from './compatibility.ts'
import { fieldsOf, propertiesOf } from './json-schema.ts'

/** A catalogue as it is, or as it was released. */
export interface Catalogue {
  readonly version: string
  readonly events: readonly EventDefinition[]
}

/** One difference between two catalogues. */
export interface Change {
  readonly type: string
  /** In words, without the type. */
  readonly sentence: string
  /** Who fails: a reader that is not updated yet, or a record that was written before; null where nobody does. */
  readonly hurts: 'old reader' | 'old record' | null
  /** Of one that hurts: what to do in place of it, in a sentence. */
  readonly wayOut?: string
  /** Of the schema: the `data` of a record that shows what hurts; undefined where none was found. */
  readonly record?: unknown
}

/** What is different in `after`, in the order of its events; removed ones last. */
export function changesBetween(before: Catalogue, after: Catalogue): readonly Change[] {
  const known = new Map(before.events.map((event) => [event.type, event]))
  const left = new Set(after.events.map(({ type }) => type))
  return [
    ...after.events.flatMap((event) => {
      const old = known.get(event.type)
      return old === undefined
        ? [{ type: event.type, sentence: `is new: ${event.summary.replace(/\.$/, '')}`, hurts: null }]
        : changesOf(old, event)
    }),
    ...before.events.filter(({ type }) => !left.has(type)).map(removed),
  ]
}

/** An event that nobody may miss has been deprecated in a release before. */
function removed({ type, deprecated }: EventDefinition): Change {
  return deprecated === undefined
    ? {
        type,
        sentence: 'is removed, and was not deprecated in the release before',
        hurts: 'old reader',
        wayOut: 'Keep it, deprecate it in this release, and remove it in a later one.',
      }
    : { type, sentence: `is removed; it was deprecated on ${deprecated.on}`, hurts: null }
}

function changesOf(old: EventDefinition, event: EventDefinition): readonly Change[] {
  const { type } = event
  const change = (sentence: string): Change => ({ type, sentence, hurts: null })
  const hurting = (hurts: 'old reader' | 'old record', sentence: string, wayOut: string): Change => ({ type, sentence, hurts, wayOut })
  const changes: Change[] = []
  if (!isDeepStrictEqual(old.identity, event.identity))
    changes.push(
      hurting(
        'old record',
        `is identified by ${event.identity.join(', ')} in place of ${old.identity.join(', ')}: a repetition of an old fact would be a new event`,
        'Keep the identity, which no version can change, or add an event of another name.',
      ),
    )
  if (old.key !== event.key)
    changes.push(
      hurting(
        'old reader',
        `has the key ${event.key} in place of ${old.key}: old and new records of one key lose their order`,
        'Keep the key, or add an event of another name.',
      ),
    )
  if (old.topic !== event.topic)
    changes.push(
      hurting(
        'old reader',
        `is published to ${event.topic ?? 'the default topic'} in place of ${old.topic ?? 'the default topic'}: groups that read the old one miss it`,
        'Keep the topic, or add an event of another name that is published there.',
      ),
    )
  if (event.version < old.version)
    changes.push(
      hurting(
        'old record',
        `goes back from version ${old.version} to ${event.version}`,
        `Raise the version above ${old.version} in place of that.`,
      ),
    )
  else if (event.version > old.version)
    changes.push(
      change(
        `is version ${event.version}; records of version ${old.version} need an upcaster, and new ones are dead letters in daemons that know no version above ${old.version}: deploy the workers first`,
      ),
    )
  else changes.push(...schemaChanges(old, event))
  if (old.retention !== event.retention) changes.push(change(`is kept as ${event.retention} in place of ${old.retention}`))
  if (!isDeepStrictEqual(old.owner, event.owner))
    changes.push(change(`belongs to ${event.owner.team} (${event.owner.contact}) in place of ${old.owner.team}`))
  if (old.deprecated === undefined && event.deprecated !== undefined)
    changes.push(
      change(
        `is deprecated on ${event.deprecated.on}, ${event.deprecated.successor === null ? 'without a successor' : `in favour of ${event.deprecated.successor}`}`,
      ),
    )
  if (old.deprecated !== undefined && event.deprecated === undefined) changes.push(change('is no longer deprecated'))
  const personal = event.personal.filter((field) => !old.personal.includes(field))
  const public_ = old.personal.filter((field) => !event.personal.includes(field))
  if (personal.length > 0) changes.push(change(`holds personal data in ${personal.join(', ')}`))
  if (public_.length > 0) changes.push(change(`no longer holds personal data in ${public_.join(', ')}`))
  return changes
}

/** Both ways: new readers read old records, and readers that are not updated yet read new ones. */
function schemaChanges(old: EventDefinition, event: EventDefinition): readonly Change[] {
  const { type } = event
  const of = (writer: EventDefinition, reader: EventDefinition, hurts: 'old reader' | 'old record') =>
    breaksBetween(writer.data, reader.data).map((found): Change => ({
      type,
      sentence: `${found.path === '' ? 'data' : found.path} ${found.rule}`,
      hurts,
      wayOut: `${inPlaceOf(found, hurts)}, or raise the version of the event.`,
      record: counterexample(writer.data, reader.data, found),
    }))
  const breaks = [...of(old, event, 'old record'), ...of(event, old, 'old reader')]
  const defaults = defaultChanges(old, event)
  if (breaks.length > 0) return [...breaks, ...defaults]
  const [was, is] = [propertiesOf(old.data), propertiesOf(event.data)]
  const added = Object.keys(is).filter((field) => was[field] === undefined)
  const gone = Object.keys(was).filter((field) => is[field] === undefined)
  const other = Object.keys(is).filter((field) => was[field] !== undefined && !isDeepStrictEqual(was[field], is[field]))
  const isNamed = (field: string) => defaults.some(({ sentence }) => sentence.startsWith(`/${field} `) || sentence.startsWith(`/${field}/`))
  return [
    ...added.map((field): Change => ({ type, sentence: `/${field} is new`, hurts: null })),
    ...gone.map((field): Change => ({ type, sentence: `/${field} is gone`, hurts: null })),
    ...defaults,
    ...other
      .filter((field) => !isNamed(field))
      .map((field): Change => ({ type, sentence: `/${field} is described otherwise, and allows the same`, hurts: null })),
  ]
}

function inPlaceOf({ rule }: Break, hurts: 'old reader' | 'old record'): string {
  if (rule.endsWith('is required')) return hurts === 'old record' ? 'Make it optional or give it a default' : 'Go on writing it'
  return hurts === 'old record' ? 'Allow what was allowed before' : 'Allow no more than before'
}

/** Nobody refuses such a record, and it says something else. */
function defaultChanges(old: EventDefinition, event: EventDefinition): readonly Change[] {
  const was = fieldsOf(old.data)
  return [...fieldsOf(event.data)].flatMap(([path, { default: filled }]): readonly Change[] => {
    const before = was.get(path)
    if (before === undefined || isDeepStrictEqual(before['default'], filled)) return []
    const [now, then] = [filled, before['default']].map((value) =>
      value === undefined ? 'no default' : `the default ${JSON.stringify(value)}`,
    )
    return [
      { type: event.type, sentence: `${path} has ${now} in place of ${then}: old records that lack it are read differently`, hurts: null },
    ]
  })
}

/** A sentence for a terminal. */
export function inWords(change: Change): string {
  const { type, sentence, hurts, record } = change
  if (hurts === null) return `${type} ${sentence}.`
  const shown =
    record === undefined
      ? ' No record that shows it was found, nor is it proven that there is none.'
      : ` Such as ${JSON.stringify(record)}.`
  return `${type} ${sentence}: breaks an ${hurts}.${'record' in change ? shown : ''}`
}
