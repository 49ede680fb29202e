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
import { setScene, type Scene } from '../scene.ts'
import { judgedGroups } from './judged-groups.ts'
import type { Moments } from './moments.ts'
import { recordDaemon } from './recorded-daemon.ts'
import type { RecordedDaemon, StartDaemon } from './recorded-daemon.ts'
import { recordRefusals, recordSinks } from './recorded-sinks.ts'
import { createRecorder, type Recorder } from './recorder.ts'
import { markersOf, runEntry } from './run-entry.ts'
import { samplePositions, startSamples } from './samples.ts'
import { startServers } from './servers.ts'
import type { ServerOptions, Servers } from './servers.ts'
import { startTcpProxy } from './tcp-proxy.ts'
import type { TcpProxy } from './tcp-proxy.ts'
import { through } from './through.ts'
import { beginStories } from './traffic.ts'
import type { Traffic, TrafficOptions } from './traffic.ts'
import { uncommitted } from './uncommitted.ts'
import { judge } from './verdict.ts'
import { completeHistory } from './whole-history.ts'

/**
 * A scene on which things break, and whose whole history is written down: the demo's world is told while daemons work, faults strike, and
 * at the end the checker speaks. What the platform does waits for servers that are away and is done once.
 */
export interface FaultScene extends AsyncDisposable {
  readonly scene: Pick<
    Scene,
    'topic' | 'groups' | 'groupPrefix' | 'group' | 'sql' | 'transaction' | 'smtp' | 'webhooks' | 'admin' | 'sendRaw' | 'databaseUrl'
  >
  /** Between daemons and servers; `kafka` has one per broker of one's own, and none before the shared one. */
  readonly proxies: {
    readonly kafka: readonly TcpProxy[]
    readonly postgres: TcpProxy
    readonly smtp: TcpProxy
    readonly webhooks: TcpProxy
  }
  /** The scene's own servers, where it asked for them; `brokers` is the harness's way to whichever serves it. */
  readonly servers: Pick<Servers, 'brokers' | 'kafka' | 'postgres'>
  readonly recorder: Recorder
  /** Of the scene's seed: for whatever a scenario leaves to chance. */
  readonly random: Random
  /** Tells stories on the topic, with the platform's rows. */
  traffic(options?: TrafficOptions): Traffic
  /** Steps of one's own, in the campaigns of `settings`. */
  play(steps: readonly Step[]): Promise<void>
  readonly settings: readonly Scenario['seedData'][]
  /** Starts a daemon, which something happens to at the given moments; its output, probes, memory and end are recorded. */
  daemon(variables?: Readonly<Record<string, string>>, moments?: Moments): RecordedDaemon
  /** Records that something is broken for as long as `work` takes; `setBackTo`: see {@link Fault}. */
  fault<Result>(name: string, affects: Fault['affects'], work: () => Promise<Result>, more?: Pick<Fault, 'setBackTo'>): Promise<Result>
  /** Everything that was broken works again: proxies, sinks, own servers. Daemons are the scenario's. */
  heal(): Promise<void>
  /** Time passes for intents that wait for their next attempt, as hours of a retry schedule do: they are due now. */
  hurry(): Promise<void>
  /** Waits until every group has accepted and committed all, every intent has ended and no position is dirty; tells how long after the last fault. */
  drained(deadlineMs?: number): Promise<void>
  /**
   * Waits for `drained`, stops the daemons in order, completes the history and has it checked.
   *
   * @throws with the checker's sentences
   */
  verdict(options?: { readonly drains?: boolean }): Promise<CheckReport>
  /** The same without an error when something does not hold: what the checker says. The history stays if it does not hold. */
  judged(options?: { readonly drains?: boolean }): Promise<CheckReport>
}

export interface FaultSceneOptions extends ServerOptions {
  /** The sentence that is proved: the test's name. */
  readonly scenario: string | undefined
  readonly seed?: number
  /** The groups that its daemons run and that are judged; without, those that run by default. */
  readonly groups?: readonly string[]
  readonly partitions?: number
  /** Stories told at once, with four campaigns each. */
  readonly stories?: number
  /** The platform publishes as daemons read, through the proxies; past them when left out. */
  readonly publishesThroughProxies?: boolean
  /** Receivers of webhooks take signatures of any time; by the standard they refuse those of a sender whose clock is five minutes off. */
  readonly clocksAreWrong?: boolean
  /** What stands between the platform and the log, given the way that it would publish without; closed with the scene. */
  readonly publishesWith?: (
    plain: EventTransport,
    more: { readonly brokers: readonly string[]; readonly recorder: Recorder },
  ) => EventTransport & AsyncDisposable
  /** Variables of every daemon. */
  readonly settings?: Readonly<Record<string, string>>
  /** See {@link Run}. */
  readonly promises?: Partial<Pick<Run, 'recoveryMs' | 'memoryLimitMb' | 'markers'>>
}

export async function setFaultScene(options: FaultSceneOptions): Promise<FaultScene> {
  const { seed = 1, promises = {} } = options
  await using stack = new AsyncDisposableStack()
  const recorder = createRecorder()
  let holds = false
  stack.defer(() => {
    if (!holds) tell(`history: ${recorder.folder}`)
    recorder.close(holds ? 'remove' : 'keep')
  })
  const servers = stack.use(await startServers(options))
  const scene = stack.use(
    await setScene({
      partitions: options.partitions ?? 4,
      ...(options.groups === undefined ? {} : { groups: options.groups }),
      brokers: servers.brokers,
      smtp: { auth: true, keepBodies: true, keepMails: 1 },
      webhooks: { keepCalls: 1, anyTime: options.clocksAreWrong ?? false },
      ...(servers.ownDatabaseUrl === undefined ? {} : { databaseUrl: servers.ownDatabaseUrl }),
    }),
  )
  for (const set of tablesOf(scene.groups)) await migrate({ connectionString: scene.databaseUrl }, set)
  const proxyTo = async (url: string) => stack.use(await startTcpProxy({ target: { port: Number(new URL(url).port) } }))
  const [postgres, smtp, webhooks] = await Promise.all([scene.databaseUrl, scene.smtp.url, scene.webhooks.url].map(proxyTo))
  if (!postgres || !smtp || !webhooks) throw new Error('There are three proxies.')
  const proxies = { kafka: servers.kafkaProxies, postgres, smtp, webhooks }
  const variables = {
    ...scene.variables,
    KAFKA_BROKERS: servers.advertised.join(','),
    DATABASE_URL: through(scene.databaseUrl, postgres),
    SMTP_URL: through(scene.smtp.url, smtp),
    // As short as the broker allows: what a kill leaves behind is over sooner.
    KAFKA_SESSION_TIMEOUT_MS: '6000',
    // Its lease is twice as long, and outlives whoever held it.
    LEADERBOARD_DEADLINE_MS: '5000',
    LOG_LEVEL: 'info',
    ...options.settings,
  }
  const groups = judgedGroups(scene.groups, scene.groupPrefix)
  const groupIds = groups.map(({ id }) => id)
  const addresses = new Map<string, { url: string; secret: string }>()
  const address = (path: string) => {
    const { url, secret } = addresses.get(path) ?? scene.webhooks.endpoint(path)
    const made = { url: through(url, webhooks), secret }
    addresses.set(path, made)
    return made
  }

  const publisher =
    options.publishesThroughProxies === true ? createEventProducer({ brokers: servers.advertised, clientId: 'platform' }) : null
  stack.defer(async () => publisher?.disconnect())
  await publisher?.connect()
  const plain = publisher ?? { send: (_topic: string, messages: Parameters<Scene['sendRaw']>[0]) => scene.sendRaw(messages) }
  const special = options.publishesWith?.(plain, { brokers: servers.brokers, recorder })
  stack.defer(async () => special?.[Symbol.asyncDispose]())
  const closing = new AbortController()
  const stories = await beginStories({
    recorder,
    databaseUrl: scene.databaseUrl,
    transport: special ?? plain,
    topic: scene.topic,
    seed,
    count: options.stories ?? 2,
    address,
    signal: closing.signal,
  })
  stack.defer(() => stories.close())
  const secrets = [...addresses.values()].map(({ secret }) => secret)
  const markers = [...markersOf(stories.settings, secrets, [scene.databaseUrl, scene.smtp.url]), ...(promises.markers ?? [])]
  const run = { scenario: options.scenario ?? '', seed, topic: scene.topic, groups }
  recorder.record(runEntry({ ...run, ...promises, markers }, variables))
  recorder.record(stories.setting)

  const sinks = recordSinks(recorder, scene.smtp, scene.webhooks)
  const daemons: RecordedDaemon[] = []
  const sampled = {
    recorder,
    admin: scene.admin,
    sql: scene.sql,
    topic: scene.topic,
    groups: groupIds,
    daemons,
    also: () => sinks.flush(),
  }
  const samples = startSamples(sampled)
  const telling: Traffic[] = []
  let lastFaultEnd: number | null = null
  let isDrained = false
  stack.defer(async () => {
    closing.abort()
    await Promise.all(daemons.map((daemon) => daemon[Symbol.asyncDispose]()))
    await Promise.allSettled([samples.stop(), ...telling.map(({ done }) => done)])
  })

  async function drained(deadlineMs = 120_000): Promise<void> {
    const until = Date.now() + deadlineMs
    await scene.settled(deadlineMs)
    await eventually('Kafka is told of all', () => uncommitted(sampled), Math.max(1_000, until - Date.now()))
    const at = Date.now()
    const afterMs = at - (lastFaultEnd ?? at)
    recorder.record({ is: 'recovered', at, afterMs })
    tell(`everything was done ${(afterMs / 1000).toFixed(1)} s after the last fault`)
    await samplePositions(sampled, 'drained')
    isDrained = true
  }

  async function stopDaemons(): Promise<void> {
    const running = daemons.filter((daemon) => !daemon.isOver())
    for (const daemon of running) daemon.kill('SIGTERM')
    const codes = await Promise.all(running.map(({ exited }) => exited))
    if (codes.every((code) => code === 0)) await samplePositions(sampled, 'clean-stop')
  }

  async function judged({ drains = true }: { readonly drains?: boolean } = {}): Promise<CheckReport> {
    await Promise.all(telling.map((traffic) => traffic.stop()))
    if (drains && !isDrained) await drained()
    await stopDaemons()
    await samples.stop()
    await sinks.flush(true)
    const deadLetterTopics = groupIds.map((group) => deadLetterTopic(scene.topic, group))
    await completeHistory({ ...sampled, groups, brokers: servers.brokers, deadLetterTopics })
    const verdict = await judge(recorder.folder)
    holds = verdict.passed
    return verdict
  }

  const all = stack.move()
  return {
    scene: { ...scene, smtp: recordRefusals(recorder, scene.smtp) },
    proxies,
    servers,
    recorder,
    random: seededRandom(seed + 1),
    settings: stories.settings,
    traffic(asked = {}) {
      const traffic = stories.start(asked)
      isDrained = false
      telling.push(traffic)
      return traffic
    },
    play: (steps) => stories.play(steps),
    daemon(more = {}, moments = {}) {
      const settings = { ...variables, ...more }
      const start: StartDaemon = (onLine) => startDaemon(settings, [], { onLine, moments })
      const daemon = recordDaemon(recorder, daemons.length + 1, start, moments.killAt && JSON.stringify(moments.killAt))
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
      scene.smtp.respondWith(undefined)
      scene.webhooks.respondWith(undefined)
      await Promise.all([servers.heal(), scene.smtp.resume(), scene.webhooks.resume()])
      await Promise.all([...proxies.kafka, postgres, smtp, webhooks].map((proxy) => proxy.pass()))
    },
    async hurry() {
      await scene.sql.query(`UPDATE worker.intents SET due_at = now() WHERE state IN ('pending', 'ambiguous') AND due_at > now()`)
    },
    drained,
    judged,
    async verdict(options) {
      const verdict = await judged(options)
      if (!verdict.passed) throw new Error(`The history does not hold.\n${formatReport(verdict)}`)
      tell(formatReport(verdict))
      return verdict
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  }
}

/** For who runs it, past the reporters. */
function tell(line: string): void {
  process.stderr.write(`  ${line}\n`)
}
