import { setTimeout as pause } from 'node:timers/promises'
import type { EndpointAddress } from '../../../cmd/demo/platform-seed.ts'
import { createSimulator } from '../../../cmd/demo/simulator.ts'
import type { Simulator } from '../../../cmd/demo/simulator.ts'
import type { Step } from '../../../cmd/demo/step.ts'
import { createScenario } from '../../../cmd/demo/scenario.ts'
import type { Scenario } from '../../../cmd/demo/scenario.ts'
import type { EventTransport } from '../../../src/events/event-transport.ts'
import { createPublisher } from '../../../src/events/publisher.ts'
import { openDatabase } from '../../../src/infra/postgres/client/postgres-database.ts'
import type { SeedData } from '../../invariants/history.ts'
import { createReceipts, recordedTransport, recordedWriter } from './recorded-platform.ts'
import type { Recorder } from './recorder.ts'

/** Stories that are being told. */
export interface Traffic {
  /** Events that were acknowledged so far. */
  readonly told: number
  /** Resolves when as many events as were asked for are acknowledged, or after `stop`. */
  readonly done: Promise<void>
  /** Ends after what is under way. */
  stop(): Promise<void>
}

/** So many events a second, 20 when not given; and so many in all, or until `stop`. */
export interface TrafficOptions {
  readonly eventsPerSecond?: number
  readonly events?: number
}

/** The world of the demo, several of its stories at once so that there are campaigns in most partitions. */
export interface Stories {
  readonly settings: readonly Scenario['seedData'][]
  /** The same for the checker. */
  readonly setting: SeedData
  start(options: TrafficOptions): Traffic
  /** Plays steps of one's own among them, recorded like all others. */
  play(steps: readonly Step[]): Promise<void>
  /** Disconnects; what is being told has to be over. */
  close(): Promise<void>
}

export interface StoriesOptions {
  readonly recorder: Recorder
  readonly databaseUrl: string
  readonly transport: EventTransport
  readonly topic: string
  readonly seed: number
  readonly count: number
  readonly address: EndpointAddress
  readonly signal: AbortSignal
}

const BEAT_MS = 250

/** Writes what stands before the first event. */
export async function beginStories(options: StoriesOptions): Promise<Stories> {
  const { databaseUrl, transport, topic, address } = options
  const database = openDatabase({
    connection: { connectionString: databaseUrl },
    max: 4,
    applicationName: 'platform',
    statementTimeoutMs: 30_000,
    connectTimeoutMs: 5_000,
  })
  await createReceipts(database.sql)
  await database.sql.query('CREATE TABLE IF NOT EXISTS demo.accounts (id uuid PRIMARY KEY, at timestamptz NOT NULL DEFAULT now())')
  const writer = recordedWriter(database, new Date(), options)
  const publisher = createPublisher({ transport: recordedTransport(transport, true, options), topic })
  const simulator = () => createSimulator({ writer, publisher, transport: recordedTransport(transport, false, options), topic })
  const told: { readonly steps: ReturnType<Scenario['steps']>; readonly setting: Scenario['seedData']; readonly simulator: Simulator }[] =
    []
  for (let index = 0; index < options.count; index++) {
    const story = createScenario(options.seed * 1_000 + index)
    await writer.begin(story.seedData, address)
    told.push({ steps: story.steps(), setting: story.seedData, simulator: simulator() })
  }
  const settings = told.map(({ setting }) => setting)

  async function tell(
    { eventsPerSecond = 20, events = Infinity }: TrafficOptions,
    counts: { told: number },
    stop: AbortSignal,
  ): Promise<void> {
    const perBeat = Math.max(1, Math.round((eventsPerSecond * BEAT_MS) / 1_000))
    for (let beat = 0; counts.told < events && !stop.aborted; beat++) {
      const story = told[beat % told.length]
      if (story === undefined) return
      const before = story.simulator.acknowledged
      const rest = pause(BEAT_MS, undefined, { signal: stop }).catch(() => undefined)
      await story.simulator.play(some(story.steps, Math.min(perBeat, events - counts.told)))
      counts.told += story.simulator.acknowledged - before
      await rest
    }
  }

  return {
    settings,
    setting: settingOf(settings),
    start: (traffic) => {
      const stopping = new AbortController()
      const counts = { told: 0 }
      const done = tell(traffic, counts, AbortSignal.any([stopping.signal, options.signal]))
      // Whoever awaits it hears of it; a test that failed beside it has nobody left who does.
      done.catch(() => undefined)
      return {
        get told() {
          return counts.told
        },
        done,
        stop: () => {
          stopping.abort()
          return done
        },
      }
    },
    play: (steps) => simulator().play(steps),
    close: () => database.end(),
  }
}

/** The next steps of a story that never ends, with so many events or one more. */
function some(steps: Generator<Step, void>, events: number): Step[] {
  const taken: Step[] = []
  for (let count = 0; count < events;) {
    const next = steps.next()
    if (next.done === true) return taken
    taken.push(next.value)
    count += next.value.publications.length
  }
  return taken
}

function settingOf(stories: readonly Scenario['seedData'][]): SeedData {
  return {
    is: 'seed-data',
    campaigns: stories.flatMap(({ campaigns }) => campaigns.map(({ id, accountId, points }) => ({ id, accountId, points: points ?? 1 }))),
    rewards: stories.flatMap(({ rewards, endpoints }) =>
      rewards.map(({ id, campaignId, method, path, codeTemplate }) => ({
        id,
        campaignId,
        method,
        hasEndpoint: endpoints.some((endpoint) => endpoint.path === path && !endpoint.decoy),
        hasCode: codeTemplate !== null,
      })),
    ),
  }
}
