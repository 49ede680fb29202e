import { namedTypes, type Event } from './envelope.ts'
import type { EffectRule, Group } from './history.ts'
import type { StoredRecord } from './parsed-history.ts'

/** What a group must do with a record. */
export type Expectation =
  /** Not handled by the group: no outcome, no dead letter. */
  | { readonly is: 'skip' }
  /** Unreadable: a dead letter. */
  | { readonly is: 'dead-letter' }
  /** An outcome with these effects; null: the run does not describe the group's effects, so those that the outcome names are taken. */
  | { readonly is: 'accept'; readonly event: Event; readonly effects: readonly Effect[] | null }

export interface Effect {
  readonly is: EffectRule['is']
  readonly key: string
  /** Of a mail. */
  readonly mail?: { readonly type: string; readonly userId: string; readonly about: string | null }
}

/**
 * A header whose type the group does not handle suffices to skip the record without parsing it, unless headers contradict each other.
 */
export function expectationOf(group: Group, record: StoredRecord): Expectation {
  const [named, ...others] = namedTypes(record.headers)
  if (named !== undefined && others.every((other) => other === named) && !handles(group, named)) return skip
  if (record.reading.is === 'bad') return { is: 'dead-letter' }
  if (record.reading.is === 'unknown' || !handles(group, record.reading.event.type)) return skip
  const { event } = record.reading
  const rules = group.effects === undefined ? null : (group.effects[event.type] ?? [])
  return { is: 'accept', event, effects: rules?.map((rule) => effectOf(rule, event)) ?? null }
}

const skip: Expectation = { is: 'skip' }

export function handles({ types }: Pick<Group, 'types'>, type: string): boolean {
  return types.some((pattern) => pattern === type || (pattern.endsWith('.*') && type.startsWith(pattern.slice(0, -1))))
}

/** The fields of an event's data that a group writes as text; null: any, because the run does not describe the group. */
export function textsWritten({ writes }: Group, type: string): readonly string[] | null {
  return writes === undefined ? null : (writes[type] ?? [])
}

function effectOf(rule: EffectRule, event: Event): Effect {
  const key = rule.key.replaceAll(/\{(\w+)\}/g, (_, name: string) => fieldOf(event, name))
  if (rule.is !== 'mail') return { is: rule.is, key }
  const about = rule.about === undefined ? null : fieldOf(event, rule.about)
  return { is: 'mail', key, mail: { type: rule.type, userId: fieldOf(event, rule.to), about } }
}

/** A value of an event as text. @throws when the event has no such field: a rule that names it is wrong */
export function fieldOf(event: Event, name: string): string {
  if (name === 'id') return event.id
  if (name === 'type') return event.type
  if (name === 'day') return new Date(event.at).toISOString().slice(0, 10)
  const value = event.data[name]
  if (typeof value === 'string' || typeof value === 'number') return String(value)
  throw new Error(`A rule of the run names ${name}, which an event of type ${event.type} does not have.`)
}
