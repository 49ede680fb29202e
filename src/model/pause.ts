/** What a pause covers. `group` and `partition` stop reading, `group` and the others stop the execution of intents. */
export const pauseScopes = ['group', 'channel', 'destination', 'campaign', 'type', 'partition'] as const

export type PauseScope = (typeof pauseScopes)[number]

/** What is paused: by its scope, in one group or in all. */
export interface PauseTarget {
  readonly scope: PauseScope
  /** The id of the group; null: in every group. Never null for `group` and `partition`. */
  readonly group: string | null
  /** The group, channel, endpoint, campaign, event type or partition. */
  readonly target: string
}

/** A pause that an operator set and that is not over, as the database has it. */
export interface Pause extends PauseTarget {
  readonly id: string
  readonly owner: string
  readonly because: string
  readonly since: Date
  /** Null: until it is resumed. */
  readonly until: Date | null
}

/** The reason of intents that a pause keeps out of the order of what is due. */
export const PAUSED = 'paused'

/** The detail of such an intent: which pause it waits for. */
export function pauseTag({ id }: Pick<Pause, 'id'>): string {
  return `pause ${id}`
}

/** Whether the pause is about work of this group. */
export function coversGroup(pause: PauseTarget, group: string): boolean {
  return pause.group === null || pause.group === group
}

/** Whether the group itself is paused: it reads nothing, decides nothing and executes nothing. */
export function isGroupPaused(pauses: readonly Pause[], group: string): boolean {
  return pauses.some((pause) => pause.scope === 'group' && coversGroup(pause, group))
}

/** The pause that keeps a group from reading a partition: of the group or of the partition; null without one. */
export function pauseOfPartition(pauses: readonly Pause[], group: string, partition: number): Pause | null {
  const covers = ({ scope, target }: Pause) => scope === 'group' || (scope === 'partition' && target === String(partition))
  return pauses.find((pause) => coversGroup(pause, group) && covers(pause)) ?? null
}

/** The pause in words, such as `email channel paused by ops (relay move) until 2030-01-31T12:00:00.000Z`. */
export function pauseSentence(pause: Pause): string {
  return `${pausedWork(pause)} ${pauseTerms(pause)}`
}

/** What is paused, such as `email channel of email-workers`. */
export function pausedWork({ scope, target, group }: PauseTarget): string {
  const what = scope === 'channel' ? `${target} channel` : scope === 'type' ? `event type ${target}` : `${scope} ${target}`
  return group === null || scope === 'group' ? what : `${what} of ${group}`
}

/** What is paused, as the subject of a sentence, such as `The email channel of email-workers` or `Partition 3 of email-workers`. */
export function pausedSubject(target: PauseTarget): string {
  const work = pausedWork(target)
  return target.scope === 'channel' ? `The ${work}` : work.charAt(0).toUpperCase() + work.slice(1)
}

/** Who paused it, why and until when, such as `paused by ops (relay move) until it is resumed`. */
export function pauseTerms({ owner, because, until }: Pause): string {
  return `paused by ${owner} (${because}) ${until === null ? 'until it is resumed' : `until ${until.toISOString()}`}`
}
