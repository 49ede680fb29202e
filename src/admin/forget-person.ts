import type { IntentState } from '../model/intent.ts'
import { DAY_MS } from '../std/day.ts'

/** What is on record of a person, in our tables and in those rows of the platform's that we write. */
export interface PersonRecord {
  /** By state. */
  readonly intents: readonly { readonly state: IntentState; readonly count: number }[]
  /** All of them. */
  readonly intentIds: readonly string[]
  /** Rows of `webhook_deliveries` that those intents wrote. */
  readonly deliveries: number
  /** Rows of `email_logs`, the platform's, by its own column. */
  readonly mails: number
  /** Movements on record (`position_changes`). */
  readonly movements: number
  /** Events of the publishing outbox that hold data of the person, and are published or failed. */
  readonly events: number
  /** The same that wait to be published: the relay sends them first. */
  readonly waitingEvents: number
  /** Records of dead letters that are kept for a replay, edited or not, and hold the id of the person. */
  readonly copies: number
  /** Replays of a range whose filter names the person; retention never deletes them. */
  readonly replays: number
  /** The row in `waitlist_users`. */
  readonly person: 'present' | 'deleted' | 'gone'
  /** That row still stands in the ranking of its campaign. */
  readonly ranked: boolean
}

/** The port to what is kept of a person; works while daemons run. Throws SqlError. */
export interface Forgetter {
  find(userId: string): Promise<PersonRecord>
  /**
   * Erases the movements, the events, those of the intents that no worker has in hand, and what they wrote to `webhook_deliveries`; resolves
   * to how many intents are left. Again and again, it erases what is left.
   */
  erase(userId: string, intentIds: readonly string[]): Promise<Erased>
}

export interface Erased {
  readonly erased: number
  readonly movements: number
  readonly events: number
  readonly copies: number
  readonly replays: number
  /** Intents that a worker has in hand. */
  readonly left: number
}

/** How long a place keeps what we do not erase; null when it could not be read. */
export interface Retention {
  readonly topic: string
  /** Milliseconds; negative: forever. */
  readonly ms: number | null
}

const unfinished: readonly IntentState[] = ['pending', 'ambiguous', 'held']

export function forgetSentences(userId: string, found: PersonRecord): readonly string[] {
  const count = (states: readonly IntentState[]) =>
    found.intents.filter(({ state }) => states.includes(state)).reduce((sum, one) => sum + one.count, 0)
  const running = count(['claimed', 'handing_over'])
  const total = found.intentIds.length
  return [
    total === 0
      ? `No intent names person ${userId}.`
      : `${some(total, 'intent')} of person ${userId}: address, text, data and the person's id are erased; of these ${some(count(unfinished), 'unfinished one')} ` +
        `will be cancelled. Keys stay, so that nothing is sent twice.`,
    ...(running === 0
      ? []
      : [`${some(running, 'of them', 'of them')} ${running === 1 ? 'is' : 'are'} held by a worker; the command waits for it.`]),
    ...(found.movements === 0
      ? []
      : [
          `${some(found.movements, 'movement')} in leaderboards (position_changes): ${found.movements === 1 ? 'it is' : 'they are'} deleted.`,
        ]),
    ...(found.events === 0
      ? []
      : [
          `${some(found.events, 'event')} in worker.outbox: ${found.events === 1 ? 'it is' : 'they are'} deleted; failed ones are not published any more.`,
        ]),
    ...(found.waitingEvents === 0
      ? []
      : [
          `${some(found.waitingEvents, 'event')} in worker.outbox ${found.waitingEvents === 1 ? 'waits' : 'wait'} to be published: run the command again once they are (workerctl outbox list).`,
        ]),
    ...(found.copies === 0
      ? []
      : [
          `${some(found.copies, 'copy', 'copies')} of dead letters: ${found.copies === 1 ? 'it is' : 'they are'} deleted, and a requested replay is withdrawn.`,
        ]),
    ...(found.replays === 0
      ? []
      : [`${some(found.replays, 'replay')} selected the person: the id in the filter is replaced by one of nobody.`]),
    ...(found.deliveries === 0 ? [] : [`${some(found.deliveries, 'row')} of webhook_deliveries: the payload is emptied.`]),
  ]
}

/** `since`: what came while it was done. */
export function doneSentence({ erased, movements, events, copies, replays }: Omit<Erased, 'left'>, since: number): string {
  const published = events === 0 ? '' : ` ${some(events, 'event')} deleted from worker.outbox.`
  const letters = copies === 0 ? '' : ` ${some(copies, 'copy', 'copies')} of dead letters deleted.`
  const filters = replays === 0 ? '' : ` Id replaced in ${some(replays, 'replay')}.`
  const again = since === 0 ? '' : ` ${since} added meanwhile: run the command again.`
  return `Done: ${some(erased, 'intent')} and ${some(movements, 'movement')} erased.${published}${letters}${filters}${again}`
}

/** What is not erased here, and when it goes. */
export function elsewhereSentences(
  found: Pick<PersonRecord, 'mails' | 'person' | 'ranked'>,
  retentions: readonly Retention[],
  dedupeDays: number,
): readonly string[] {
  return [
    ...(found.person === 'gone'
      ? []
      : [
          found.person === 'deleted'
            ? "The platform's row is marked as deleted but still exists: the platform must erase it."
            : "The platform's row is not deleted: delete it first, or the person's next event creates new intents.",
        ]),
    ...(found.ranked
      ? [
          'The person is still ranked: the recalculation that removes the person may record a movement with the id. Run the command again afterwards.',
        ]
      : []),
    `email_logs is the platform's and is not erased: ${found.mails === 0 ? 'it has no row' : `it has ${some(found.mails, 'row')}`} of this person${found.mails === 0 ? '' : ", to be deleted with the platform's own"}.`,
    `Keys and outcomes contain only the person's id and are deleted after DEDUPE_DAYS=${dedupeDays} and a day.`,
    'Issued reward codes stay with their campaign, without the person. A suppression stays: it contains only a hash of the address, and prevents mail to it.',
    ...retentions.map(({ topic, ms }) => `Topic ${topic} keeps its events, which may hold the address, ${kept(ms)}.`),
    "Logs hold no addresses. Backups, the database's write-ahead log and the relay's log expire by their own rules.",
  ]
}

function kept(ms: number | null): string {
  if (ms === null) return 'for its retention.ms, which the brokers did not report'
  if (ms < 0) return 'forever, because its retention.ms is unlimited'
  const days = Math.round((ms / DAY_MS) * 10) / 10
  return `for ${days} ${days === 1 ? 'day' : 'days'} and until its segment is closed`
}

function some(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`
}
