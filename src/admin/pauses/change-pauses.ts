import type { LogAdmin } from '../../ingest/log-admin.ts'
import { pauseSentence, type Pause, type PauseTarget } from '../../model/pause.ts'
import type { Clock } from '../../std/clock.ts'
import { OperatorError, ServerAway } from '../../std/failure.ts'
import { answerWithin } from '../../std/within-deadline.ts'
import type { ProgressAdmin } from '../offsets/progress-admin.ts'
import type { OperatorGroup } from '../operator-group.ts'
import { oldestUnread } from './oldest-unread.ts'
import type { PauseAdmin, PauseRequest } from './pause-admin.ts'
import { noPauseSentence, pauseSentences, retentionLeft, type RetentionLeft } from './pause-report.ts'

/** What of Kafka a pause that stops reading looks at. */
type PauseLog = Pick<LogAdmin, 'ranges' | 'offsetsAt' | 'topicConfig'>

/** For the look at Kafka before a pause begins. Milliseconds. */
const KAFKA_MS = 10_000
/** For the count of what is in flight once it has begun. Milliseconds. */
const COUNT_MS = 5_000

/** What pauses are changed with. */
export interface PausePorts {
  readonly groups: readonly OperatorGroup[]
  readonly pauses: PauseAdmin
  readonly progress: Pick<ProgressAdmin, 'readProgress'>
  /** Called only for a pause that stops reading. */
  withLog<Result>(work: (log: PauseLog) => Promise<Result>): Promise<Result>
  /** Milliseconds since 1970. */
  now(): number
  /** Of the deadlines. Default: the system's. */
  readonly clock?: Pick<Clock, 'sleep'>
}

/** How the pause of a target that is paused already is replaced. */
export interface Replacing {
  readonly replace: boolean
  /** How an operator gives it, such as `add --extend`. */
  readonly way: string
}

/** A pause that has begun, with what an operator must know about it. */
export interface BegunPause {
  readonly is: 'begun' | 'extended'
  readonly pause: Pause
  /** Null: reading goes on. */
  readonly retention: RetentionLeft | null
  /** Intents whose attempts had begun; null: they could not be counted. */
  readonly inFlight: number | null
  readonly sentences: readonly string[]
}

/**
 * Begins a pause, or replaces the one that its target has. Once that is committed nothing rejects: a count that fails is left out.
 *
 * @throws {OperatorError} nothing was changed: the target is paused already, or does not exist.
 * @throws {ServerAway} nothing was changed: Kafka does not answer.
 */
export async function beginPause(request: PauseRequest, { replace, way }: Replacing, ports: PausePorts): Promise<BegunPause> {
  // Before the pause begins: a partition that does not exist is refused.
  const retention = await retentionOf(request, ports)
  await requireExisting(request, ports.pauses)
  const { is, pause } = await ports.pauses.begin(request, replace)
  if (is === 'exists') throw new OperatorError(`There is a pause already, ${pauseSentence(pause)}: ${way} to replace it, or resume it.`)
  const counted = answerWithin(COUNT_MS, ports.pauses.inFlight(request), 'not counted in time', ports.clock)
  const inFlight = await counted.catch(() => null)
  return { is, pause, retention, inFlight, sentences: pauseSentences(pause, inFlight, retention, ports.now()) }
}

/**
 * Ends the pause of exactly this target; `by` is kept beside it.
 *
 * @throws {OperatorError} it is not paused: the sentence lists what is.
 */
export async function endPause(target: PauseTarget, by: string, pauses: PauseAdmin): Promise<Pause> {
  const ended = await pauses.end(target, by)
  if (ended !== null) return ended
  throw new OperatorError(noPauseSentence(target, await pauses.active()))
}

async function requireExisting({ scope, target }: PauseTarget, pauses: PauseAdmin): Promise<void> {
  if (scope !== 'campaign' && scope !== 'destination') return
  if (await pauses.exists(scope, target)) return
  throw new OperatorError(`There is no ${scope} ${target}: ${scope === 'campaign' ? 'no campaign' : 'no row of webhooks'} has this id.`)
}

/** Of all partitions of the group, or of the one that is named, which must exist; null for a pause that stops no reading. */
async function retentionOf({ scope, target, group: id }: PauseTarget, ports: PausePorts): Promise<RetentionLeft | null> {
  const group = ports.groups.find((each) => each.id === id)
  if (group === undefined || (scope !== 'group' && scope !== 'partition')) return null
  const { topic } = group
  const positions = new Map((await ports.progress.readProgress(group.id, topic)).map((row) => [row.partition, row.next]))
  const look = ports.withLog(async (log) => {
    const ranges = await log.ranges(topic)
    if (scope === 'partition' && !ranges.has(Number(target))) {
      throw new OperatorError(`Topic ${topic} has no partition ${target}: it has ${ranges.size}, numbered from 0.`)
    }
    const meant = [...ranges].filter(([partition]) => scope === 'group' || partition === Number(target))
    const from = new Map(meant.map(([partition, { low }]) => [partition, positions.get(partition) ?? low]))
    const retention = Number((await log.topicConfig(topic)).get('retention.ms') ?? -1)
    const now = ports.now()
    // Where records are kept forever their age does not matter.
    const oldest = retention < 0 ? null : await oldestUnread(log, topic, from, ranges, { now, reachMs: retention })
    return retentionLeft(topic, retention < 0 ? null : retention, oldest, now)
  })
  return answerWithin(KAFKA_MS, look, new ServerAway('Kafka did not answer within 10 s: nothing was changed; try again.'), ports.clock)
}
