import { setTimeout as pause } from 'node:timers/promises'
import { seededRandom } from '../../cmd/demo/random.ts'
import { knownGroups } from '../../src/consumers/registry.ts'
import { formatReport } from '../invariants/check-report.ts'
import { drainedSoon } from '../support/faults/drained-soon.ts'
import { setFaultScene } from '../support/faults/fault-scene.ts'
import { createOverlappingTransactions } from '../support/faults/overlapping-transactions.ts'
import { createFleet } from './fleet.ts'
import { breakServers, type ServerFaultCounts } from './server-faults.ts'

/** The last line of `--json`. */
export interface ChaosSummary {
  readonly seed: number
  readonly minutes: number
  readonly events: number
  readonly mails: number
  /** Members that joined a group, as Kafka wrote it down. */
  readonly joins: number
  readonly starts: number
  readonly kills: number
  readonly freezes: number
  readonly stops: number
  /** Broker and database, stopped, killed or frozen. */
  readonly restarts: number
  /** Lines to any server refused, cut, delayed or swallowed; relay and receivers unwell. */
  readonly otherFaults: number
  /** Records of transactions that were aborted among others; none may be accepted. */
  readonly abortedRecords: number
  /** How often the topic got another codec. */
  readonly codecs: number
  /** How often our role at the database got other settings. */
  readonly hostileSettings: number
  /** Steps of one daemon's wall clock. */
  readonly clockSteps: number
  /** Mails of which nobody could know whether they had gone out, and how many of them came a second time. */
  readonly ambiguousMails: number
  readonly secondCopies: number
  /** Mails and effects that came twice and had no right to. */
  readonly duplicates: number
  readonly lost: number
  readonly violations: number
  /** From the end of the last fault until everything was done. */
  readonly recoverySeconds: number
  /** Where the history of a run that failed is kept. */
  readonly history: string | null
}

export interface ChaosOptions {
  readonly minutes: number
  readonly seed: number
  readonly tell: (line: string) => void
}

const EVENTS_PER_SECOND = 25
/** Which part of what the platform sends goes through a transaction among aborted ones. */
const IN_TRANSACTIONS = 0.2
/** Until all is done after the last fault. Milliseconds. */
const DRAIN_MS = 600_000

/** Steady load, faults of every kind for so long, then everything heals, drains and is judged. */
export async function playChaos({ minutes, seed, tell }: ChaosOptions): Promise<ChaosSummary> {
  await using scene = await setFaultScene({
    scenario: 'chaos',
    seed,
    ownKafka: { properties: { 'transaction.abort.timed.out.transaction.cleanup.interval.ms': 1_000 } },
    ownPostgres: true,
    groups: knownGroups.groups,
    partitions: 6,
    clocksAreWrong: true,
    stories: 3,
    settings: { MAIL_DEADLINE_MS: '3000', AMBIGUOUS_RETRY_MS: '1000' },
    promises: { recoveryMs: DRAIN_MS },
    publishesWith: (plain, more) =>
      createOverlappingTransactions({ ...more, plain, random: seededRandom(seed * 3), share: IN_TRANSACTIONS }),
  })
  const [fates, faults] = [seededRandom(seed * 2), seededRandom(seed * 2 + 1)]
  using fleet = createFleet(scene, fates)
  const counts: ServerFaultCounts = { restarts: 0, cuts: 0, moods: 0, codecs: 0, hostileSettings: 0 }
  await fleet.begin()
  const traffic = scene.traffic({ eventsPerSecond: EVENTS_PER_SECOND })
  const over = AbortSignal.timeout(minutes * 60_000)
  const telling = every(30_000, over, () => {
    const { starts, kills, freezes, stops } = fleet.counts
    tell(
      `${traffic.told} events, ${starts} starts, ${kills} kills, ${stops} stops, ${freezes} freezes, ${counts.restarts} restarts, ${counts.cuts + counts.moods} other faults`,
    )
  })
  await Promise.all([fleet.comeAndGo(over), breakServers(scene, faults, counts, over)])
  await Promise.all([traffic.stop(), telling])
  await scene.heal()
  await fleet.calm()
  await drainedSoon(scene, DRAIN_MS)
  const verdict = await scene.judged()
  for (const line of formatReport(verdict).split('\n')) tell(line)
  const { starts, kills, freezes, stops } = fleet.counts
  const figure = (name: string) => verdict.figures[name] ?? 0
  return {
    seed,
    minutes,
    events: figure('events'),
    mails: figure('mails'),
    joins: figure('joins'),
    starts,
    kills,
    freezes,
    stops,
    restarts: counts.restarts,
    otherFaults: counts.cuts + counts.moods,
    abortedRecords: figure('abortedRecords'),
    codecs: counts.codecs,
    hostileSettings: counts.hostileSettings,
    clockSteps: fleet.counts.clockSteps,
    ambiguousMails: figure('ambiguousMails'),
    secondCopies: figure('secondCopies'),
    duplicates: figure('duplicates'),
    lost: figure('lost'),
    violations: Object.values(verdict.checks).reduce((sum, { violations }) => sum + violations, 0),
    recoverySeconds: figure('recoverySeconds'),
    history: verdict.passed ? null : scene.recorder.folder,
  }
}

async function every(ms: number, over: AbortSignal, work: () => Promise<void> | void): Promise<void> {
  while (!over.aborted) {
    await pause(ms, undefined, { signal: over }).catch(() => undefined)
    if (!over.aborted) await work()
  }
}
