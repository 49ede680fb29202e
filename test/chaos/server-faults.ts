import { setTimeout as pause } from 'node:timers/promises'
import type { Random } from '../../cmd/demo/random.ts'
import type { FaultFixture } from '../support/faults/fault-fixture.ts'
import type { TcpProxy } from '../support/faults/tcp-proxy.ts'
import { codecs, topicTool } from '../support/faults/topic-tool.ts'
import { pickAction, type WeightedAction } from './weighted-action.ts'
import { applyHostileSettings, closeConnections } from './hostile-settings.ts'
import { relayFailures, receiverFailures } from './failed-replies.ts'

/** Pause between the end of a fault and the next, minimum and maximum. Milliseconds. */
const REST_MS = [2_000, 8_000] as const
/** Duration of a fault, minimum and maximum. Milliseconds. */
const FAULT_MS = [1_000, 10_000] as const

export interface ServerFaultCounts {
  /** Broker or database stopped, killed or frozen. */
  restarts: number
  /** Connections refused, reset, delayed or without a reply. */
  connectionFaults: number
  /** Relay or webhook receivers that fail a share of their requests. */
  failedReplies: number
  /** Changes of the topic's codec. */
  codecs: number
  /** Changes of the database role's settings, with every connection of the daemons closed. */
  hostileSettings: number
}

/** Injects a fault into one server at a time until the signal aborts; resolves when the last fault is over. */
export async function breakServers(
  fixture: Pick<FaultFixture, 'fault' | 'heal' | 'proxies' | 'servers' | 'base'>,
  random: Random,
  counts: ServerFaultCounts,
  signal: AbortSignal,
): Promise<void> {
  const { kafka, postgres } = fixture.servers
  if (kafka === null || postgres === null) throw new Error('Chaos needs servers of its own.')
  const [broker] = kafka.brokers
  const [kafkaProxy] = fixture.proxies.kafka
  if (broker === undefined || kafkaProxy === undefined) throw new Error('Chaos needs a broker behind a proxy.')
  const { smtp, webhooks } = fixture.base
  const lasts = () => pause(FAULT_MS[0] + random.below(FAULT_MS[1] - FAULT_MS[0]), undefined, { signal }).catch(() => undefined)

  async function during(name: string, affects: readonly Affected[], inject: () => Promise<void> | void): Promise<void> {
    await fixture.fault(name, affects, async () => {
      await inject()
      await lasts()
      await fixture.heal()
    })
  }
  const restart = (name: string, affected: Affected, inject: () => Promise<void> | void) => {
    counts.restarts += 1
    return during(name, [affected], inject)
  }
  const breakConnections = (affected: Affected, proxy: TcpProxy) => {
    counts.connectionFaults += 1
    const [name, { inject, isAway }] = random.pick(Object.entries(connectionFaults))
    return during(`${affected}: ${name}`, isAway ? [affected] : [], () => inject(proxy))
  }
  const failReplies = <Respond>(
    affected: Affected,
    failures: Readonly<Record<string, (random: Random) => Respond>>,
    respondWith: (respond: Respond) => void,
  ) => {
    counts.failedReplies += 1
    const [name, make] = random.pick(Object.entries(failures))
    return during(`${affected}: ${name}`, [affected], () => respondWith(make(random)))
  }

  async function recompress(): Promise<void> {
    const codec = random.pick(codecs)
    counts.codecs += 1
    await fixture.fault(`the topic is compressed as ${codec}`, [], async () => {
      await using tool = await topicTool(fixture.servers.brokers)
      await tool.compress(fixture.base.topic, codec)
    })
  }
  async function changeSettings(): Promise<void> {
    counts.hostileSettings += 1
    await fixture.fault('the role at the database has hostile settings', [], async () => {
      await applyHostileSettings(fixture.base.sql, random)
      await closeConnections(fixture.base.sql)
    })
  }

  // Before the random faults, so that no run goes without.
  await changeSettings()
  await recompress()
  const actions: readonly WeightedAction[] = [
    { weight: 1, work: () => restart('the broker is stopped', 'kafka', () => broker.stop()) },
    { weight: 2, work: () => restart('the broker is killed', 'kafka', () => broker.kill()) },
    { weight: 1, work: () => restart('the broker is frozen', 'kafka', () => broker.signal('SIGSTOP')) },
    { weight: 1, work: () => restart('the database is stopped fast', 'database', () => postgres.halt('fast')) },
    { weight: 2, work: () => restart('the database is stopped at once', 'database', () => postgres.halt('immediate')) },
    { weight: 1, work: () => restart('the database is killed', 'database', () => postgres.kill()) },
    { weight: 3, work: () => breakConnections('kafka', kafkaProxy) },
    { weight: 3, work: () => breakConnections('database', fixture.proxies.postgres) },
    { weight: 2, work: () => breakConnections('relay', fixture.proxies.smtp) },
    { weight: 2, work: () => breakConnections('webhook', fixture.proxies.webhooks) },
    { weight: 2, work: recompress },
    { weight: 2, work: changeSettings },
    { weight: 3, work: () => failReplies('relay', relayFailures, (respond) => smtp.respondWith(respond)) },
    { weight: 3, work: () => failReplies('webhook', receiverFailures, (respond) => webhooks.respondWith(respond)) },
  ]
  while (!signal.aborted) {
    await pause(REST_MS[0] + random.below(REST_MS[1] - REST_MS[0]), undefined, { signal }).catch(() => undefined)
    if (!signal.aborted) await pickAction(actions, random)()
  }
}

type Affected = Parameters<FaultFixture['fault']>[1][number]

/** Faults of a connection. A server behind a slow or interrupted connection does not count as away. */
const connectionFaults: Readonly<Record<string, { readonly isAway: boolean; readonly inject: (proxy: TcpProxy) => Promise<void> | void }>> =
  {
    'connections are refused': { isAway: true, inject: (proxy) => proxy.refuse() },
    'nothing gets through': { isAway: true, inject: (proxy) => proxy.blackHole() },
    'all connections are reset': { isAway: false, inject: (proxy) => proxy.reset() },
    'every byte takes 100 ms': { isAway: false, inject: (proxy) => proxy.latency(100) },
    'each connection is cut after 20,000 bytes': { isAway: false, inject: (proxy) => proxy.cutAfter(20_000, 'to-server', 'each') },
  }
