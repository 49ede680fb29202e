import type { Clock } from '../std/clock.ts'
import { SqlError } from '../std/sql.ts'
import type { Intent } from '../model/intent.ts'
import type { IntentKind, Prepared } from '../model/intent-kind.ts'
import type { ChannelName, Messages } from '../model/messages.ts'
import type { KindTable } from './kind-table.ts'
import { onlyAnswer } from './prepare-intent.ts'

/** How long a prepared answer is used, from the beginning of its call until a worker takes the intent. Milliseconds. */
export const PREPARED_AHEAD_MS = 1_000

/** Intents in one call at most. */
const MOST_IN_BLOCK = 100

export interface BlockSettings {
  /** The intents of the group that wait for a worker, first to last. */
  readonly waiting: () => readonly Intent[]
  readonly clock: Pick<Clock, 'monotonic'>
}

/**
 * The kinds of a group, prepared in blocks: when a worker needs an intent prepared, those of its kind that wait for a worker are
 * prepared by the same call, so that a claim costs one statement. Their workers use the answer unless it is older than
 * {@link PREPARED_AHEAD_MS}; then the rows are read again, because rows decide.
 *
 * A fault stays with its intent: when the call for several fails, or does not answer once for each, every worker has its own intent
 * prepared alone. A lost connection affects all of them alike: it fails the intents whose workers wait for the call, and those without a
 * worker are prepared again later.
 */
export function prepareInBlocks(kinds: KindTable, { waiting, clock }: BlockSettings): KindTable {
  const inBlocks = new Map<IntentKind, IntentKind>()
  return {
    ...kinds,
    of(intent) {
      const kind = kinds.of(intent)
      if (kind === null) return null
      let known = inBlocks.get(kind)
      if (known === undefined) {
        known = kindInBlocks(kind, { waiting: () => waiting().filter((other) => kinds.of(other) === kind), clock })
        inBlocks.set(kind, known)
      }
      return known
    },
  }
}

/** The answer that a call will give for an intent, by its index in the block. */
interface Ahead<Message> {
  readonly since: number
  readonly call: Promise<Answers<Message>>
  readonly index: number
}

/** In the order of the block; null when each is to be prepared alone. */
type Answers<Message> = readonly Prepared<Message>[] | null

function kindInBlocks<Channel extends ChannelName>(kind: IntentKind<Channel>, { waiting, clock }: BlockSettings): IntentKind<Channel> {
  type Message = Messages[Channel]
  /** Of intents that no worker has taken. */
  const ahead = new WeakMap<Intent, Ahead<Message>>()
  const isFresh = (known: Ahead<Message> | undefined): known is Ahead<Message> =>
    known !== undefined && clock.monotonic() - known.since <= PREPARED_AHEAD_MS

  const prepare: typeof kind.prepare = (intents, read) =>
    Promise.all(
      intents.map(async (intent) => {
        const known = ahead.get(intent)
        ahead.delete(intent)
        const { call, index } = isFresh(known) ? known : begin(intent, read)
        return (await call)?.[index] ?? onlyAnswer(await kind.prepare([intent], read))
      }),
    )

  /** Calls for the intent and all that wait unprepared. */
  function begin(intent: Intent, read: Parameters<typeof kind.prepare>[1]): Ahead<Message> {
    const since = clock.monotonic()
    const others = waiting().filter((other) => other !== intent && !isFresh(ahead.get(other)))
    const block = [intent, ...others.slice(0, MOST_IN_BLOCK - 1)]
    const call = answersOf(block, (intents) => kind.prepare(intents, read))
    for (const [index, one] of block.entries()) if (one !== intent) ahead.set(one, { since, call, index })
    call.catch(() => {
      for (const one of block) if (ahead.get(one)?.call === call) ahead.delete(one)
    })
    return { since, call, index: 0 }
  }

  return { ...kind, prepare }
}

/** @throws {SqlError} the connection was lost. */
async function answersOf<Message>(
  block: readonly Intent[],
  prepare: (block: readonly Intent[]) => Promise<readonly Prepared<Message>[]>,
): Promise<Answers<Message>> {
  // Alone anyway.
  if (block.length === 1) return null
  try {
    const answers = await prepare(block)
    return answers.length === block.length ? answers : null
  } catch (error) {
    if (error instanceof SqlError && error.state === undefined) throw error
    return null
  }
}
