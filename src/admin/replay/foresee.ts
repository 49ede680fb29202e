import type { Intent } from '../../model/intent.ts'
import type { IntentKind, Prepared } from '../../model/intent-kind.ts'
import { labelOf } from '../../model/replay.ts'
import { SqlError, type Sql } from '../../std/sql.ts'

/**
 * What would become of an intent by the rows as they are now. `send`: it would go out; `wait`: it would wait for `reason`, and go out or
 * not; `skip`, `dead`: it would end so; `broken`: reading what it needs fails, and it would be tried again every minute.
 */
export interface Foreseen {
  readonly label: string
  readonly as: 'send' | 'wait' | 'skip' | 'dead' | 'broken'
  readonly reason: string | null
  readonly userId: string | null
  /** The channel that would send it. */
  readonly channel: string
  /** Of a broadcast: how many mails it would write. */
  readonly mails: number | null
  /** Of a mail that would be sent its subject line, of a webhook its type of event; null where that is not known. */
  readonly subject: string | null
}

/** The subject of a message, as it would be sent; null where there is none or its template cannot be used. */
export type SubjectOf = (message: unknown) => Promise<string | null>

/** Prepares intents without claiming them. Rejects when the database does not answer. */
export type Foresee = (intents: readonly Intent[]) => Promise<readonly Foreseen[]>

/** Intents in one call of `prepare` at most. */
const MOST_IN_BLOCK = 100

/** Prepares intents without claiming them; nothing is written. Rejects when the database does not answer. */
export async function foresee(
  intents: readonly Intent[],
  kindOf: (intent: Pick<Intent, 'kind' | 'version' | 'channel'>) => IntentKind | null,
  read: Sql,
  subjectOf: SubjectOf,
): Promise<readonly Foreseen[]> {
  const foreseen: Foreseen[] = []
  for (const [kind, ofKind] of Map.groupBy(intents, kindOf)) {
    if (kind === null) {
      foreseen.push(...ofKind.map((intent) => resultOf(intent, { as: 'broken', reason: 'unknown-kind' })))
      continue
    }
    for (let at = 0; at < ofKind.length; at += MOST_IN_BLOCK) {
      const block = ofKind.slice(at, at + MOST_IN_BLOCK)
      for (const [index, answer] of (await answersOf(kind, block, read)).entries()) {
        const intent = block[index]
        if (intent === undefined) continue
        if (answer?.is === 'channel') foreseen.push(...(await foresee([{ ...intent, channel: answer.channel }], kindOf, read, subjectOf)))
        else foreseen.push(await judged(intent, answer, read, subjectOf))
      }
    }
  }
  return foreseen
}

type Answer = Prepared<unknown> | null

/** Null for one whose own rows make `prepare` fail, alone as well. */
async function answersOf(kind: IntentKind, block: readonly Intent[], read: Sql): Promise<readonly Answer[]> {
  try {
    return await kind.prepare(block, read)
  } catch (error) {
    if (error instanceof SqlError && error.state === undefined) throw error
    if (block.length === 1) return [null]
    const answers: Answer[] = []
    for (const intent of block) answers.push(...(await answersOf(kind, [intent], read)))
    return answers
  }
}

async function judged(intent: Intent, answer: Answer, read: Sql, subjectOf: SubjectOf): Promise<Foreseen> {
  if (answer === null) return resultOf(intent, { as: 'broken', reason: 'prepare-failed' })
  if (answer.is !== 'message')
    return resultOf(intent, { as: answer.is === 'channel' ? 'broken' : answer.is, reason: 'reason' in answer ? answer.reason : null })
  const { message } = answer
  const mails = isBroadcast(message) ? await message.count(read) : null
  return { ...resultOf(intent, { as: 'send', reason: null }), mails, subject: frozenSubject(intent) ?? (await subjectOf(message)) }
}

/** What was started before is sent again as it was. */
function frozenSubject({ frozen }: Intent): string | null {
  const subject = frozen?.envelope['subject']
  return typeof subject === 'string' ? subject : null
}

function isBroadcast(message: unknown): message is { count(read: Sql): Promise<number> } {
  return typeof message === 'object' && message !== null && 'count' in message && typeof message.count === 'function'
}

function resultOf(intent: Intent, { as, reason }: Pick<Foreseen, 'as' | 'reason'>): Foreseen {
  return { label: labelOf(intent), as, reason, userId: intent.userId, channel: intent.channel, mails: null, subject: null }
}
