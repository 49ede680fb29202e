import { setTimeout as pause } from 'node:timers/promises'
import type { Random } from '../../cmd/demo/random.ts'
import type { FaultScene } from '../support/faults/fault-scene.ts'
import type { TcpProxy } from '../support/faults/tcp-proxy.ts'
import { codecs, topicTool } from '../support/faults/topic-tool.ts'
import { pickDeed, type Deed } from './deed.ts'
import { turnHostile, closeConnections } from './hostile-settings.ts'
import { relayMoods, receiverMoods } from './moods.ts'

/** Between the end of a fault and the next, at least and at most. Milliseconds. */
const REST_MS = [2_000, 8_000] as const
/** How long a fault lasts, at least and at most. Milliseconds. */
const FAULT_MS = [1_000, 10_000] as const

export interface ServerFaultCounts {
  /** Broker or database stopped, killed or frozen. */
  restarts: number
  /** Connections refused, cut, delayed or swallowed. */
  cuts: number
  /** Relay or receiver of webhooks that answers badly, or is away. */
  moods: number
  /** The topic got another codec. */
  codecs: number
  /** Our role at the database got other settings, and every connection of the daemons ended. */
  hostileSettings: number
}

/** Breaks one server at a time until the signal, and mends it; resolves when the last is mended. */
export async function breakServers(
  scene: Pick<FaultScene, 'fault' | 'heal' | 'proxies' | 'servers' | 'scene'>,
  random: Random,
  counts: ServerFaultCounts,
  signal: AbortSignal,
): Promise<void> {
  const { kafka, postgres } = scene.servers
  if (kafka === null || postgres === null) throw new Error('Chaos needs servers of its own.')
  const [broker] = kafka.brokers
  const [kafkaProxy] = scene.proxies.kafka
  if (broker === undefined || kafkaProxy === undefined) throw new Error('Chaos needs a broker behind a proxy.')
  const { smtp, webhooks } = scene.scene
  const lasts = () => pause(FAULT_MS[0] + random.below(FAULT_MS[1] - FAULT_MS[0]), undefined, { signal }).catch(() => undefined)

  async function during(name: string, hits: readonly Hit[], strike: () => Promise<void> | void): Promise<void> {
    await scene.fault(name, hits, async () => {
      await strike()
      await lasts()
      await scene.heal()
    })
  }
  const restart = (name: string, hit: Hit, strike: () => Promise<void> | void) => {
    counts.restarts += 1
    return during(name, [hit], strike)
  }
  const cut = (hit: Hit, proxy: TcpProxy) => {
    counts.cuts += 1
    const [name, { strike, isAway }] = random.pick(Object.entries(cuts))
    return during(`${hit}: ${name}`, isAway ? [hit] : [], () => strike(proxy))
  }
  const mood = <Mood>(hit: Hit, moods: Readonly<Record<string, (random: Random) => Mood>>, respondWith: (mood: Mood) => void) => {
    counts.moods += 1
    const [name, make] = random.pick(Object.entries(moods))
    return during(`${hit}: ${name}`, [hit], () => respondWith(make(random)))
  }

  async function recompress(): Promise<void> {
    const codec = random.pick(codecs)
    counts.codecs += 1
    await scene.fault(`the topic is compressed as ${codec}`, [], async () => {
      await using tool = await topicTool(scene.servers.brokers)
      await tool.compress(scene.scene.topic, codec)
    })
  }
  async function changeSettings(): Promise<void> {
    counts.hostileSettings += 1
    await scene.fault('the role at the database has hostile settings', [], async () => {
      await turnHostile(scene.scene.sql, random)
      await closeConnections(scene.scene.sql)
    })
  }

  // Before the first of them strikes: no run goes without.
  await changeSettings()
  await recompress()
  const deeds: readonly Deed[] = [
    { weight: 1, work: () => restart('the broker is stopped', 'kafka', () => broker.stop()) },
    { weight: 2, work: () => restart('the broker is killed', 'kafka', () => broker.kill()) },
    { weight: 1, work: () => restart('the broker is frozen', 'kafka', () => broker.signal('SIGSTOP')) },
    { weight: 1, work: () => restart('the database is stopped fast', 'database', () => postgres.halt('fast')) },
    { weight: 2, work: () => restart('the database is stopped at once', 'database', () => postgres.halt('immediate')) },
    { weight: 1, work: () => restart('the database is killed', 'database', () => postgres.kill()) },
    { weight: 3, work: () => cut('kafka', kafkaProxy) },
    { weight: 3, work: () => cut('database', scene.proxies.postgres) },
    { weight: 2, work: () => cut('relay', scene.proxies.smtp) },
    { weight: 2, work: () => cut('webhook', scene.proxies.webhooks) },
    { weight: 2, work: recompress },
    { weight: 2, work: changeSettings },
    { weight: 3, work: () => mood('relay', relayMoods, (respond) => smtp.respondWith(respond)) },
    { weight: 3, work: () => mood('webhook', receiverMoods, (respond) => webhooks.respondWith(respond)) },
  ]
  while (!signal.aborted) {
    await pause(REST_MS[0] + random.below(REST_MS[1] - REST_MS[0]), undefined, { signal }).catch(() => undefined)
    if (!signal.aborted) await pickDeed(deeds, random)()
  }
}

type Hit = Parameters<FaultScene['fault']>[1][number]

/** What a line does to its ends. Behind one that is slow or breaks off now and then a server is there all the same. */
const cuts: Readonly<Record<string, { readonly isAway: boolean; readonly strike: (proxy: TcpProxy) => Promise<void> | void }>> = {
  'connections are refused': { isAway: true, strike: (proxy) => proxy.refuse() },
  'nothing comes through': { isAway: true, strike: (proxy) => proxy.blackHole() },
  'all connections are reset': { isAway: false, strike: (proxy) => proxy.reset() },
  'every byte takes 100 ms': { isAway: false, strike: (proxy) => proxy.latency(100) },
  'each connection is cut after 20,000 bytes': { isAway: false, strike: (proxy) => proxy.cutAfter(20_000, 'to-server', 'each') },
}
