import { seededRandom } from '../../../cmd/demo/random.ts'
import type { Random } from '../../../cmd/demo/random.ts'
import type { Step } from '../../../cmd/demo/step.ts'
import type { Scenario } from '../../../cmd/demo/scenario.ts'
import { tablesOf } from '../../../src/consumers/registry.ts'
import type { EventTransport } from '../../../src/events/event-transport.ts'
import { createEventProducer } from '../../../src/infra/kafka/producer/kafka-event-transport.ts'
import { migrate } from '../../../src/infra/postgres/schema/migrate-schema.ts'
import { deadLetterTopic } from '../../../src/ingest/dead-letter.ts'
import type { Fault, Run } from '../../invariants/history.ts'
import { formatReport, type CheckReport } from '../../invariants/check-report.ts'
import { startDaemon } from '../daemon.ts'
import { eventually } from '../eventually.ts'
import { createFixture, type Fixture } from '../fixture.ts'
import { groupPromises } from './group-promises.ts'
import type { Failpoints } from './failpoints.ts'
import { recordDaemon } from './recorded-daemon.ts'
import type { RecordedDaemon, StartDaemon } from './recorded-daemon.ts'
import { recordRefusals, recordSinks } from './recorded-sinks.ts'
import { createRecorder, type Recorder } from './recorder.ts'
import { markersOf, runEntry } from './run-entry.ts'
import { sampleOffsets, startSamples } from './samples.ts'
import { startServers } from './servers.ts'
import type { ServerOptions, Servers } from './servers.ts'
import { startTcpProxy } from './tcp-proxy.ts'
import type { TcpProxy } from './tcp-proxy.ts'
import { proxiedUrl } from './proxied-url.ts'
import { startSimulations } from './simulations.ts'
import type { Traffic, TrafficOptions } from './simulations.ts'
import { uncommitted } from './uncommitted.ts'
import { runChecker } from './run-checker.ts'
import { completeHistory } from './complete-history.ts'

/**
 * A fixture for faults that records the complete history: the demo's simulation publishes traffic while daemons work and faults are
 * injected, and at the end the checker judges the history. The platform waits for servers that are away, and does everything once.
 */
export interface FaultFixture extends AsyncDisposable {
  readonly base: Pick<
    Fixture,
    'topic' | 'groups' | 'groupPrefix' | 'group' | 'sql' | 'transaction' | 'smtp' | 'webhooks' | 'admin' | 'sendRaw' | 'databaseUrl'
  >
  /** Between daemons and servers; `kafka` has one per own broker, and none for the shared broker. */
  readonly proxies: {
    readonly kafka: readonly TcpProxy[]
    readonly postgres: TcpProxy
    readonly smtp: TcpProxy
    readonly webhooks: TcpProxy
  }
  /** The fixture's own servers, if requested; `brokers` leads the harness to the broker in use. */
  readonly servers: Pick<Servers, 'brokers' | 'kafka' | 'postgres'>
  readonly recorder: Recorder
  /** Seeded by the fixture's seed, for random choices of a scenario. */
  readonly random: Random
  /** Publishes simulations to the topic, with the platform's rows. */
  traffic(options?: TrafficOptions): Traffic
  /** Plays further steps, in the campaigns of `seedData`. */
  play(steps: readonly Step[]): Promise<void>
  readonly seedData: readonly Scenario['seedData'][]
  /** Starts a daemon with the given failpoints; its output, probes, memory and exit are recorded. */
  daemon(variables?: Readonly<Record<string, string>>, failpoints?: Failpoints): RecordedDaemon
  /** Records a fault for the duration of `work`; `setBackTo`: see {@link Fault}. */
  fault<Result>(name: string, affects: Fault['affects'], work: () => Promise<Result>, more?: Pick<Fault, 'setBackTo'>): Promise<Result>
  /** Repairs everything but daemons: proxies, sinks, own servers. */
  heal(): Promise<void>
  /** Makes intents due that wait for their next attempt, as if the hours of a retry schedule had passed. */
  makeRetriesDue(): Promise<void>
  /** Waits until every group has accepted and committed everything, every intent is final and no position is dirty; prints the time since the last fault. */
  drained(deadlineMs?: number): Promise<void>
  /**
   * Waits for `drained`, stops the daemons cleanly, completes the history and checks it.
   *
   * @throws with the checker's sentences
   */
  assertHistory(options?: { readonly drains?: boolean }): Promise<CheckReport>
  /** The same without an error: returns the checker's report. The history of a failed check is kept. */
  checkHistory(options?: { readonly drains?: boolean }): Promise<CheckReport>
}

export interface FaultFixtureOptions extends ServerOptions {
  /** The title of the test. */
  readonly scenario: string | undefined
  readonly seed?: number
  /** The groups that its daemons run and that are checked; by default those that run by default. */
  readonly groups?: readonly string[]
  readonly partitions?: number
  /** Simulations that run at once, with four campaigns each. */
  readonly simulations?: number
  /** The platform publishes through the proxies, as daemons read; by default past them. */
  readonly publishesThroughProxies?: boolean
  /** Webhook receivers accept signatures of any time; by the standard they reject a sender whose clock is off by five minutes. */
  readonly clocksAreWrong?: boolean
  /** What stands between the platform and the log, given the way that it would publish without; closed with the fixture. */
  readonly publishesWith?: (
    plain: EventTransport,
    more: { readonly brokers: readonly string[]; readonly recorder: Recorder },
  ) => EventTransport & AsyncDisposable
  /** Variables of every daemon. */
  readonly variables?: Readonly<Record<string, string>>
  /** See {@link Run}. */
  readonly promises?: Partial<Pick<Run, 'recoveryMs' | 'memoryLimitMb' | 'markers'>>
}

export async function createFaultFixture(options: FaultFixtureOptions): Promise<FaultFixture> {
  const { seed = 1, promises = {} } = options
  await using stack = new AsyncDisposableStack()
  const recorder = createRecorder()
  let isKept = true
  stack.defer(() => {
    if (isKept) print(`history: ${recorder.folder}`)
    recorder.close(isKept ? 'keep' : 'remove')
  })
  const servers = stack.use(await startServers(options))
  const fixture = stack.use(
    await createFixture({
      partitions: options.partitions ?? 4,
      ...(options.groups === undefined ? {} : { groups: options.groups }),
      brokers: servers.brokers,
      smtp: { auth: true, keepBodies: true, keepMails: 1 },
      webhooks: { keepCalls: 1, anyTime: options.clocksAreWrong ?? false },
      ...(servers.ownDatabaseUrl === undefined ? {} : { databaseUrl: servers.ownDatabaseUrl }),
    }),
  )
  for (const set of tablesOf(fixture.groups)) await migrate({ connectionString: fixture.databaseUrl }, set)
  const proxyTo = async (url: string) => stack.use(await startTcpProxy({ target: { port: Number(new URL(url).port) } }))
  const [postgres, smtp, webhooks] = await Promise.all([fixture.databaseUrl, fixture.smtp.url, fixture.webhooks.url].map(proxyTo))
  if (!postgres || !smtp || !webhooks) throw new Error('There are three proxies.')
  const proxies = { kafka: servers.kafkaProxies, postgres, smtp, webhooks }
  const variables = {
    ...fixture.variables,
    KAFKA_BROKERS: servers.advertised.join(','),
    DATABASE_URL: proxiedUrl(fixture.databaseUrl, postgres),
    SMTP_URL: proxiedUrl(fixture.smtp.url, smtp),
    // As short as the broker allows, so that the partitions of a killed daemon move sooner.
    KAFKA_SESSION_TIMEOUT_MS: '6000',
    // The lease is twice as long, and outlives its owner.
    LEADERBOARD_DEADLINE_MS: '5000',
    LOG_LEVEL: 'info',
    ...options.variables,
  }
  const groups = groupPromises(fixture.groups, fixture.groupPrefix)
  const groupIds = groups.map(({ id }) => id)
  const addresses = new Map<string, { url: string; secret: string }>()
  const address = (path: string) => {
    const { url, secret } = addresses.get(path) ?? fixture.webhooks.endpoint(path)
    const made = { url: proxiedUrl(url, webhooks), secret }
    addresses.set(path, made)
    return made
  }

  const publisher =
    options.publishesThroughProxies === true ? createEventProducer({ brokers: servers.advertised, clientId: 'platform' }) : null
  stack.defer(async () => publisher?.disconnect())
  await publisher?.connect()
  const plain = publisher ?? { send: (_topic: string, messages: Parameters<Fixture['sendRaw']>[0]) => fixture.sendRaw(messages) }
  const special = options.publishesWith?.(plain, { brokers: servers.brokers, recorder })
  stack.defer(async () => special?.[Symbol.asyncDispose]())
  const closing = new AbortController()
  const simulations = await startSimulations({
    recorder,
    databaseUrl: fixture.databaseUrl,
    transport: special ?? plain,
    topic: fixture.topic,
    seed,
    count: options.simulations ?? 2,
    address,
    signal: closing.signal,
  })
  stack.defer(() => simulations.close())
  const secrets = [...addresses.values()].map(({ secret }) => secret)
  const markers = [...markersOf(simulations.seedData, secrets, [fixture.databaseUrl, fixture.smtp.url]), ...(promises.markers ?? [])]
  const run = { scenario: options.scenario ?? '', seed, topic: fixture.topic, groups }
  recorder.record(runEntry({ ...run, ...promises, markers }, variables))
  recorder.record(simulations.checkerSeedData)

  const sinks = recordSinks(recorder, fixture.smtp, fixture.webhooks)
  const daemons: RecordedDaemon[] = []
  const sampled = {
    recorder,
    admin: fixture.admin,
    sql: fixture.sql,
    topic: fixture.topic,
    groups: groupIds,
    daemons,
    also: () => sinks.flush(),
  }
  const samples = startSamples(sampled)
  const traffics: Traffic[] = []
  let lastFaultEnd: number | null = null
  let isDrained = false
  stack.defer(async () => {
    closing.abort()
    await Promise.all(daemons.map((daemon) => daemon[Symbol.asyncDispose]()))
    await Promise.allSettled([samples.stop(), ...traffics.map(({ done }) => done)])
  })

  async function drained(deadlineMs = 240_000): Promise<void> {
    const until = Date.now() + deadlineMs
    await fixture.drained(deadlineMs)
    await eventually('all progress is committed to Kafka', () => uncommitted(sampled), Math.max(60_000, until - Date.now()))
    const at = Date.now()
    const afterMs = at - (lastFaultEnd ?? at)
    recorder.record({ is: 'recovered', at, afterMs })
    print(`everything was done ${(afterMs / 1000).toFixed(1)} s after the last fault`)
    await sampleOffsets(sampled, 'drained')
    isDrained = true
  }

  async function stopDaemons(): Promise<void> {
    const running = daemons.filter((daemon) => !daemon.isOver())
    for (const daemon of running) daemon.kill('SIGTERM')
    const codes = await Promise.all(running.map(({ exited }) => exited))
    if (codes.every((code) => code === 0)) await sampleOffsets(sampled, 'clean-stop')
  }

  async function checkHistory({ drains = true }: { readonly drains?: boolean } = {}): Promise<CheckReport> {
    await Promise.all(traffics.map((traffic) => traffic.stop()))
    if (drains && !isDrained) await drained()
    await stopDaemons()
    await samples.stop()
    await sinks.flush(true)
    const deadLetterTopics = groupIds.map((group) => deadLetterTopic(fixture.topic, group))
    await completeHistory({ ...sampled, groups, brokers: servers.brokers, deadLetterTopics })
    const report = await runChecker(recorder.folder)
    isKept = !report.passed
    return report
  }

  const all = stack.move()
  return {
    base: { ...fixture, smtp: recordRefusals(recorder, fixture.smtp) },
    proxies,
    servers,
    recorder,
    random: seededRandom(seed + 1),
    seedData: simulations.seedData,
    traffic(options = {}) {
      const traffic = simulations.start(options)
      isDrained = false
      traffics.push(traffic)
      return traffic
    },
    play: (steps) => simulations.play(steps),
    daemon(more = {}, failpoints = {}) {
      const own = { ...variables, ...more }
      const start: StartDaemon = (onLine) => startDaemon(own, [], { onLine, failpoints })
      const daemon = recordDaemon(recorder, daemons.length + 1, start, failpoints.killAt && JSON.stringify(failpoints.killAt))
      daemons.push(daemon)
      return daemon
    },
    async fault(name, affects, work, more = {}) {
      const mark = (phase: Fault['phase'], at: number) => recorder.record({ is: 'fault', at, name, phase, affects, ...more })
      mark('begin', Date.now())
      try {
        return await work()
      } finally {
        lastFaultEnd = Date.now()
        mark('end', lastFaultEnd)
      }
    },
    async heal() {
      fixture.smtp.respondWith(undefined)
      fixture.webhooks.respondWith(undefined)
      await Promise.all([servers.heal(), fixture.smtp.resume(), fixture.webhooks.resume()])
      await Promise.all([...proxies.kafka, postgres, smtp, webhooks].map((proxy) => proxy.pass()))
    },
    async makeRetriesDue() {
      await fixture.sql.query(`UPDATE worker.intents SET due_at = now() WHERE state IN ('pending', 'ambiguous') AND due_at > now()`)
    },
    drained,
    checkHistory,
    async assertHistory(options) {
      const report = await checkHistory(options)
      if (!report.passed) throw new Error(`The history does not hold.\n${formatReport(report)}`)
      print(formatReport(report))
      return report
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  }
}

/** Prints past vitest's reporters. */
function print(line: string): void {
  process.stderr.write(`  ${line}\n`)
}
