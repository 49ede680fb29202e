import { setTimeout as pause } from 'node:timers/promises'
import { seededRandom } from '../../cmd/demo/random.ts'
import { knownGroups } from '../../src/consumers/registry.ts'
import { formatReport } from '../invariants/check-report.ts'
import { drainedWithRetriesDue } from '../support/faults/drained-with-retries-due.ts'
import { createFaultFixture } from '../support/faults/fault-fixture.ts'
import { createOverlappingTransactions } from '../support/faults/overlapping-transactions.ts'
import { createFleet } from './fleet.ts'
import { breakServers, type ServerFaultCounts } from './server-faults.ts'

/** The last line of `--json`. */
export interface ChaosSummary {
  readonly seed: number
  readonly minutes: number
  readonly events: number
  readonly mails: number
  /** Members that joined a group, from Kafka's own log. */
  readonly joins: number
  readonly starts: number
  readonly kills: number
  readonly freezes: number
  readonly stops: number
  /** Stops, kills and freezes of the broker and the database. */
  readonly restarts: number
  /** Broken connections to any server, and failed replies of relay and receivers. */
  readonly otherFaults: number
  /** Records of aborted transactions; none may be accepted. */
  readonly abortedRecords: number
  /** Changes of the topic's codec. */
  readonly codecs: number
  /** Changes of the database role's settings. */
  readonly hostileSettings: number
  /** Steps of one daemon's wall clock. */
  readonly clockSteps: number
  /** Mails that were in doubt, and how many of them were sent a second time. */
  readonly ambiguousMails: number
  readonly secondCopies: number
  /** Mails and effects that happened twice without permission. */
  readonly duplicates: number
  readonly lost: number
  readonly violations: number
  /** The time from the end of the last fault until everything was done. */
  readonly recoverySeconds: number
  /** The folder with the history of a failed run. */
  readonly history: string | null
}

export interface ChaosOptions {
  readonly minutes: number
  readonly seed: number
  readonly report: (line: string) => void
}

const EVENTS_PER_SECOND = 25
/** The share of the platform's sends that go through a transaction among aborted ones. */
const IN_TRANSACTIONS = 0.2
/** Deadline after the last fault until everything is done. Milliseconds. */
const DRAIN_MS = 600_000

/** Injects faults of every kind under steady load, then heals everything, waits until all work is done, and checks the history. */
export async function runChaos({ minutes, seed, report }: ChaosOptions): Promise<ChaosSummary> {
  await using fixture = await createFaultFixture({
    scenario: 'chaos',
    seed,
    ownKafka: { properties: { 'transaction.abort.timed.out.transaction.cleanup.interval.ms': 1_000 } },
    ownPostgres: true,
    groups: knownGroups.groups,
    partitions: 6,
    clocksAreWrong: true,
    simulations: 3,
    variables: { MAIL_DEADLINE_MS: '3000', AMBIGUOUS_RETRY_MS: '1000' },
    promises: { recoveryMs: DRAIN_MS },
    publishesWith: (plain, more) =>
      createOverlappingTransactions({ ...more, plain, random: seededRandom(seed * 3), share: IN_TRANSACTIONS }),
  })
  const [fleetRandom, faultRandom] = [seededRandom(seed * 2), seededRandom(seed * 2 + 1)]
  using fleet = createFleet(fixture, fleetRandom)
  const counts: ServerFaultCounts = { restarts: 0, connectionFaults: 0, failedReplies: 0, codecs: 0, hostileSettings: 0 }
  await fleet.begin()
  const traffic = fixture.traffic({ eventsPerSecond: EVENTS_PER_SECOND })
  const ending = AbortSignal.timeout(minutes * 60_000)
  const reporting = every(30_000, ending, () => {
    const { starts, kills, freezes, stops } = fleet.counts
    report(
      `${traffic.acknowledged} events, ${starts} starts, ${kills} kills, ${stops} stops, ${freezes} freezes, ${counts.restarts} restarts, ${counts.connectionFaults + counts.failedReplies} other faults`,
    )
  })
  await Promise.all([fleet.churn(ending), breakServers(fixture, faultRandom, counts, ending)])
  await Promise.all([traffic.stop(), reporting])
  await fixture.heal()
  await fleet.stabilize()
  await drainedWithRetriesDue(fixture, DRAIN_MS)
  const checked = await fixture.checkHistory()
  for (const line of formatReport(checked).split('\n')) report(line)
  const { starts, kills, freezes, stops } = fleet.counts
  const figure = (name: string) => checked.figures[name] ?? 0
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
    otherFaults: counts.connectionFaults + counts.failedReplies,
    abortedRecords: figure('abortedRecords'),
    codecs: counts.codecs,
    hostileSettings: counts.hostileSettings,
    clockSteps: fleet.counts.clockSteps,
    ambiguousMails: figure('ambiguousMails'),
    secondCopies: figure('secondCopies'),
    duplicates: figure('duplicates'),
    lost: figure('lost'),
    violations: Object.values(checked.checks).reduce((sum, { violations }) => sum + violations, 0),
    recoverySeconds: figure('recoverySeconds'),
    history: checked.passed ? null : fixture.recorder.folder,
  }
}

async function every(ms: number, signal: AbortSignal, work: () => Promise<void> | void): Promise<void> {
  while (!signal.aborted) {
    await pause(ms, undefined, { signal }).catch(() => undefined)
    if (!signal.aborted) await work()
  }
}
