import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { LogLine } from '../../support/daemon.ts'
import { eventually } from '../../support/eventually.ts'
import type { TcpProxy } from '../../support/faults/tcp-proxy.ts'
import { Platform } from '../../support/platform.ts'
import { rewardTenant } from '../../support/reward-tenant.ts'
import type { Fixture } from '../../support/fixture.ts'
import { dependencies, createProxiedFixture, type Dependency, type ProxiedFixture } from './proxied-fixture.ts'

const FAULT_MS = 30_000
const STEPS = 150

/** What docs/internals/performance.md states: lines and connections tried in the first half minute of a fault, and connections open afterwards. */
const bounds: Readonly<Record<Dependency, { lines: number; connects: number; open: number }>> = {
  // Three groups of four lines each, the lag and the dead letters' producer; three consumers with two connections each, producer, admin.
  kafka: { lines: 20, connects: 160, open: 8 },
  // Twelve for accepting, ten for deliveries, two to watch.
  postgres: { lines: 20, connects: 90, open: 24 },
  relay: { lines: 10, connects: 20, open: 10 },
  endpoint: { lines: 20, connects: 20, open: 2 },
}

/**
 * Fault: Kafka, the database, the relay or an endpoint refuses, resets or drops everything for half a minute under traffic.
 * Promise: The log reports changes of state and no retries; reconnects back off; afterwards no more connections are open than configured.
 */
test.each(dependencies)('a fault is reported once and reconnects back off: %s', async (dependency) => {
  await using proxied = await createProxiedFixture()
  const { base } = proxied
  const proxy = proxied.proxies[dependency]
  const step = await traffic(proxied)
  const daemon = proxied.daemon()
  await daemon.ready()
  await step()

  for (const fault of ['refuse', 'turnAway', 'blackHole'] as const) {
    const [lines, connects] = [daemon.lines.length, proxy.counters.accepted]
    const began = Date.now()
    await proxy[fault]()
    while (Date.now() - began < FAULT_MS) {
      await step()
      await pause(500)
    }
    const reported = daemon.lines.slice(lines)
    const tried = proxy.counters.accepted - connects
    await proxy.pass()
    const healed = Date.now()
    await daemon.ready()
    await (dependency === 'endpoint' ? answered(base) : base.drained())
    const after = daemon.lines.slice(lines + reported.length)
    console.log(
      `${dependency} ${fault}: ${reported.length} lines, ${tried} connections tried (${perSecond(proxy, began)}); afterwards ${after.length} lines, ${proxy.counters.open} connections open (${perSecond(proxy, healed)}), all done after ${((Date.now() - healed) / 1000).toFixed(1)} s\n${summary(reported)}\n--\n${summary(after)}`,
    )
    expect.soft(reported.length, `lines while ${dependency} is away (${fault})`).toBeLessThanOrEqual(bounds[dependency].lines)
    expect.soft(tried, `connections to ${dependency} while it is away (${fault})`).toBeLessThanOrEqual(bounds[dependency].connects)
    expect.soft(proxy.counters.open, `connections to ${dependency} that is back`).toBeLessThanOrEqual(bounds[dependency].open)
  }
  daemon.kill('SIGTERM')
  expect(await daemon.exited).toBe(0)
})

/** Publishes, each time, a sign-up, a referral and a reward: work for every group and every channel. */
async function traffic(proxied: ProxiedFixture): Promise<() => Promise<void>> {
  const { base } = proxied
  const platform = new Platform(base.sql)
  const campaign = await platform.campaign()
  const [referrer, ...people] = await platform.crowd(campaign, STEPS + 1)
  if (referrer === undefined) throw new Error('there is nobody')
  const rewards = await rewardTenant(base, platform, STEPS, proxied.endpoint('/rewards'))
  const events = await Promise.all(
    people.map(async (person, index) => {
      const referral = {
        referralId: await platform.referral(campaign, referrer.userId, person.userId),
        referrerId: referrer.userId,
        referredId: person.userId,
      }
      return [
        { type: 'user.signed_up' as const, ...campaign, ...person },
        { type: 'referral.verified' as const, ...campaign, ...referral, pointsPerReferral: 1 },
        ...rewards.events.slice(index, index + 1),
      ]
    }),
  )
  let at = 0
  return async () => void (await base.publisher.publishMany(events[at++] ?? []))
}

/** What failed at an endpoint is tried again minutes later; that it is no longer left alone shows earlier. */
async function answered(fixture: Fixture): Promise<void> {
  const before = fixture.webhooks.calls.length
  await eventually('the endpoint is called again', () => fixture.webhooks.calls.length > before || 'no call')
}

function perSecond(proxy: TcpProxy, since: number): string {
  const first = Math.floor(since / 1000)
  return [...proxy.connectsPerSecond()].flatMap(([second, count]) => (second < first ? [] : [`${second - first} s: ${count}`])).join(', ')
}

/** How often what was said. */
function summary(lines: readonly LogLine[]): string {
  const said = Map.groupBy(lines, (line) =>
    [line.level, line.msg, line['group'], line['cause'] ?? line['reason']].filter(Boolean).join(' '),
  )
  return [...said].map(([text, { length }]) => `  ${length} × ${text}`).join('\n')
}
