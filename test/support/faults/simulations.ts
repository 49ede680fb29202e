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

/** Traffic that is being published. */
export interface Traffic {
  /** Events that were acknowledged so far. */
  readonly acknowledged: number
  /** Resolves when the requested number of events is acknowledged, or after `stop`. */
  readonly done: Promise<void>
  /** Stops after the steps in flight. */
  stop(): Promise<void>
}

/** Events per second, 20 by default, and the total number of events; without a total until `stop`. */
export interface TrafficOptions {
  readonly eventsPerSecond?: number
  readonly events?: number
}

/** Several of the demo's scenarios at once, so that there are campaigns in most partitions. */
export interface Simulations {
  readonly seedData: readonly Scenario['seedData'][]
  /** The seed data in the form of the checker. */
  readonly checkerSeedData: SeedData
  start(options: TrafficOptions): Traffic
  /** Plays further steps, recorded like all others. */
  play(steps: readonly Step[]): Promise<void>
  /** Disconnects; all traffic has to be stopped before. */
  close(): Promise<void>
}

export interface SimulationsOptions {
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

/** Writes the seed data of the scenarios. */
export async function startSimulations(options: SimulationsOptions): Promise<Simulations> {
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
  const simulations: {
    readonly steps: ReturnType<Scenario['steps']>
    readonly seedData: Scenario['seedData']
    readonly simulator: Simulator
  }[] = []
  for (let index = 0; index < options.count; index++) {
    const scenario = createScenario(options.seed * 1_000 + index)
    await writer.begin(scenario.seedData, address)
    simulations.push({ steps: scenario.steps(), seedData: scenario.seedData, simulator: simulator() })
  }
  const seedData = simulations.map((simulation) => simulation.seedData)

  async function publish(
    { eventsPerSecond = 20, events = Infinity }: TrafficOptions,
    counts: { acknowledged: number },
    stop: AbortSignal,
  ): Promise<void> {
    const perBeat = Math.max(1, Math.round((eventsPerSecond * BEAT_MS) / 1_000))
    for (let beat = 0; counts.acknowledged < events && !stop.aborted; beat++) {
      const simulation = simulations[beat % simulations.length]
      if (simulation === undefined) return
      const before = simulation.simulator.acknowledged
      const rest = pause(BEAT_MS, undefined, { signal: stop }).catch(() => undefined)
      await simulation.simulator.play(some(simulation.steps, Math.min(perBeat, events - counts.acknowledged)))
      counts.acknowledged += simulation.simulator.acknowledged - before
      await rest
    }
  }

  return {
    seedData,
    checkerSeedData: checkerSeedDataOf(seedData),
    start: (traffic) => {
      const stopping = new AbortController()
      const counts = { acknowledged: 0 }
      const done = publish(traffic, counts, AbortSignal.any([stopping.signal, options.signal]))
      // Callers await `done`; without this a test that fails first would leave an unhandled rejection.
      done.catch(() => undefined)
      return {
        get acknowledged() {
          return counts.acknowledged
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

/** The next steps of an endless scenario, with the given number of events or a little more. */
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

function checkerSeedDataOf(all: readonly Scenario['seedData'][]): SeedData {
  return {
    is: 'seed-data',
    campaigns: all.flatMap(({ campaigns }) => campaigns.map(({ id, accountId, points }) => ({ id, accountId, points: points ?? 1 }))),
    rewards: all.flatMap(({ rewards, endpoints }) =>
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
