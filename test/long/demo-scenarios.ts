import { setTimeout as pause } from 'node:timers/promises'
import { compare, type Comparison } from '../../cmd/demo/compare.ts'
import { demoGroups } from '../../cmd/demo/demo-groups.ts'
import { findOut, type Found } from '../../cmd/demo/found.ts'
import { expectedOf, type Expected } from '../../cmd/demo/reference-model.ts'
import { createPlatformWriter } from '../../cmd/demo/platform-writer.ts'
import { createSimulator, type Simulator } from '../../cmd/demo/simulator.ts'
import { createMarks, prepareDatabase } from '../../cmd/demo/prepare.ts'
import type { Servers } from '../../cmd/demo/servers.ts'
import { untilSettled } from '../../cmd/demo/settled.ts'
import type { Step } from '../../cmd/demo/step.ts'
import { createScenario, type Scenario } from '../../cmd/demo/scenario.ts'
import type { Fixture } from '../support/fixture.ts'

/** Several of the demo's scenarios played at once on one topic, so that there are campaigns in nearly every partition. */
export interface DemoScenarios extends AsyncDisposable {
  /** Publishes so many events a second, all scenarios in turn, until `isOver` says so; resolves when all of it is acknowledged. */
  publish(eventsPerSecond: number, isOver: () => boolean): Promise<void>
  /** Waits until all is done, and compares it with what each scenario expects. */
  compare(deadlineMs: number): Promise<{ readonly comparison: Comparison; readonly found: Found; readonly events: number }>
}

/** How often the next events are played. */
const BEAT_MS = 250

/** Writes what is there before the scenarios begin. The fixture must keep the bodies of webhooks. */
export async function startDemoScenarios(fixture: Fixture, count: number): Promise<DemoScenarios> {
  await createMarks(fixture.sql)
  const database = await prepareDatabase(fixture.databaseUrl, () => undefined)
  const transport = { send: (_topic: string, messages: Parameters<Fixture['sendRaw']>[0]) => fixture.sendRaw(messages) }
  const writer = createPlatformWriter(database, new Date())
  const addresses = new Map<string, { url: string; secret: string }>()
  const address = (path: string) => {
    const known = addresses.get(path) ?? fixture.webhooks.endpoint(path)
    addresses.set(path, known)
    return known
  }
  const scenarios: { seedData: Scenario['seedData']; steps: ReturnType<Scenario['steps']>; simulator: Simulator; played: Step[] }[] = []
  for (let seed = 1; seed <= count; seed++) {
    const scenario = createScenario(seed)
    await writer.begin(scenario.seedData, address)
    const simulator = createSimulator({ writer, publisher: fixture.publisher, transport, topic: fixture.topic })
    scenarios.push({ seedData: scenario.seedData, steps: scenario.steps(), simulator, played: [] })
  }
  const campaignIds = scenarios.flatMap(({ seedData }) => seedData.campaigns.map(({ id }) => id))
  const groups = demoGroups.filter(({ name }) => fixture.groups.includes(name))
  const servers: Servers = {
    brokers: [],
    databaseUrl: fixture.databaseUrl,
    smtpUrl: fixture.smtp.url,
    topic: fixture.topic,
    groupPrefix: fixture.groupPrefix,
    groups,
    existing: true,
    mails: fixture.smtp,
    webhooks: fixture.webhooks,
    stop: async () => undefined,
  }

  const closing = new AbortController()
  let telling: Promise<void> = Promise.resolve()
  async function tellOn(eventsPerSecond: number, isOver: () => boolean): Promise<void> {
    const perBeat = Math.max(1, Math.round((eventsPerSecond * BEAT_MS) / 1000))
    for (let beat = 0; !isOver() && !closing.signal.aborted; beat++) {
      const scenario = scenarios[beat % scenarios.length]
      if (scenario === undefined) return
      const steps = some(scenario.steps, perBeat)
      scenario.played.push(...steps)
      await Promise.all([scenario.simulator.play(steps), pause(BEAT_MS)])
    }
  }

  return {
    publish: (eventsPerSecond, isOver) => (telling = tellOn(eventsPerSecond, isOver)),
    async compare(deadlineMs) {
      const signal = new AbortController().signal
      const watched = { admin: fixture.admin, sql: database.sql, servers, campaignIds }
      await untilSettled(watched, { deadlineMs, signal, onLook: () => undefined }).catch(async (cause: unknown) => {
        throw new Error(`not settled; ${await standing(fixture)}`, { cause })
      })
      const expected = together(scenarios.map(({ seedData, played, simulator }) => expectedOf(seedData, played, groups, simulator.dayOf)))
      const onTopics = await findOut({ sql: database.sql, admin: fixture.admin, servers, campaignIds, deadBefore: new Map() })
      const found = { ...onTopics, deadLetters: await recordedDeadLetters(fixture, onTopics.deadLetters) }
      return { comparison: compare(expected, found), found, events: expected.events }
    },
    async [Symbol.asyncDispose]() {
      closing.abort()
      // A test that failed beside it has nobody who waits for it any more.
      await telling.catch(() => undefined)
      await database.end()
    },
  }
}

/**
 * Dead letters by their rows, one for each record. A kill between the acknowledged dead letter and its transaction publishes it a second
 * time, so a topic may hold more, and never fewer.
 */
async function recordedDeadLetters(fixture: Fixture, onTopics: ReadonlyMap<string, number>): Promise<ReadonlyMap<string, number>> {
  const rows = await fixture.sql.query<{ group_name: string; count: number }>(
    'SELECT group_name, count(*)::int AS count FROM worker.dead_letters GROUP BY group_name',
  )
  const recorded = new Map(rows.map(({ group_name: group, count }) => [group, count]))
  return new Map(
    [...onTopics].map(([group, published]) => {
      const count = recorded.get(fixture.group(group)) ?? 0
      if (published < count) throw new Error(`${group}: ${count} dead letters are recorded, ${published} published`)
      return [group, count]
    }),
  )
}

/** Where row, commit and the end of the log differ: which of the two is behind says where to look. */
async function standing(fixture: Fixture): Promise<string> {
  const rows = await fixture.sql.query<{ group_name: string; partition: number; next_offset: string }>(
    'SELECT group_name, partition, next_offset FROM worker.progress WHERE topic = $1',
    [fixture.topic],
  )
  const ranges = await fixture.admin.ranges(fixture.topic)
  const lines: string[] = []
  for (const { group_name: group, partition, next_offset: row } of rows) {
    const high = String(ranges.get(partition)?.high)
    const committed = String((await fixture.admin.committed(group, fixture.topic)).get(partition))
    if (row !== high || committed !== high) lines.push(`${group}/${partition}: row ${row}, committed ${committed}, end ${high}`)
  }
  return lines.join('; ')
}

/** The next steps of a scenario that never ends, with so many events or a few more. */
function some(steps: Generator<Step, void>, events: number): Step[] {
  const taken: Step[] = []
  for (let played = 0; played < events;) {
    const next = steps.next()
    if (next.done === true) return taken
    taken.push(next.value)
    played += next.value.publications.length
  }
  return taken
}

/** Scenarios are independent: their ids and addresses differ. */
function together(all: readonly Expected[]): Expected {
  return {
    events: all.reduce((events, one) => events + one.events, 0),
    mails: sum(all.map(({ mails }) => mails)),
    rewards: {
      byMail: union(all.map(({ rewards }) => rewards.byMail)),
      byWebhook: union(all.map(({ rewards }) => rewards.byWebhook)),
      untouched: union(all.map(({ rewards }) => rewards.untouched)),
    },
    deadLetters: sum(all.map(({ deadLetters }) => deadLetters)),
    eventCounts: sum(all.map(({ eventCounts }) => eventCounts)),
    positions: sum(all.map(({ positions }) => positions)),
  }
}

function sum(maps: readonly ReadonlyMap<string, number>[]): Map<string, number> {
  const total = new Map<string, number>()
  for (const [key, count] of maps.flatMap((map) => [...map])) total.set(key, (total.get(key) ?? 0) + count)
  return total
}

function union(sets: readonly ReadonlySet<string>[]): Set<string> {
  return new Set(sets.flatMap((set) => [...set]))
}
