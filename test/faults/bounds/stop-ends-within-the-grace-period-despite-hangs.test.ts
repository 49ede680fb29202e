import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { startFrozenTransaction } from '../../support/frozen-transaction.ts'
import { Platform } from '../../support/platform.ts'
import { expectClean } from '../../support/refusal.ts'
import { rewardTenant } from '../../support/reward-tenant.ts'
import type { SmtpStage } from '../../../stack/smtp-sink.ts'
import { createProxiedFixture, type ProxiedFixture } from './proxied-fixture.ts'

/** Twice the time for which a statement waits for a lock: what ends by that can be drained. */
const GRACE_MS = 10_000
/** What a machine that is busy with other tests adds to ending a process. A stop that waited for what hangs would take 30 s, or two minutes. */
const MARGIN_MS = 18_000

let proxied: ProxiedFixture
beforeAll(async () => {
  proxied = await createProxiedFixture()
})
afterAll(async () => proxied[Symbol.asyncDispose]())
afterEach(async () => {
  proxied.base.smtp.respondWith(undefined)
  proxied.base.webhooks.respondWith(undefined)
  await Promise.all(Object.values(proxied.proxies).map((proxy) => proxy.pass()))
  // Each kind of hang starts without the intents of the one before.
  await proxied.base.sql.query('DELETE FROM worker.intents')
})

interface Hang {
  readonly what: string
  /** It hangs already when the daemon starts, which would else have a connection in hand. */
  readonly early?: boolean
  /** Makes it hang; what it returns is disposed of when the daemon has ended. */
  readonly begin: () => Promise<AsyncDisposable | void> | void
  /** True when something hangs. */
  readonly hangs: () => boolean | Promise<boolean>
  /** The exit code and the last word; more than one where chance decides whether anything was under way. */
  readonly ends: readonly End[]
}

type End = readonly [code: number, word: RegExp]

/** Everything could be drained. */
const drained: End = [0, /^stopped$/]

/** Time is up, and `what` is named. */
function forced(what: string): End {
  return [2, new RegExp(`^Forced shutdown, because SHUTDOWN_GRACE_MS \\(${GRACE_MS}\\) has passed; still running: .*(${what}).*\\.$`)]
}

/** The relay never answers at this stage. */
function silentAt(stage: SmtpStage): Hang {
  let hanging = 0
  return {
    what: `the relay at ${stage}`,
    early: stage === 'connect',
    begin: () =>
      proxied.base.smtp.respondWith((now) => {
        if (now !== stage) return undefined
        hanging += 1
        return new Promise(() => undefined)
      }),
    hangs: async () =>
      hanging > 0 &&
      (await proxied.base.sql.query(`SELECT FROM worker.intents WHERE channel = 'email' AND state IN ('claimed', 'handing_over')`)).length >
        0,
    ends: [forced('email intent \\S+ \\(\\w+\\) running since')],
  }
}

/** Counts from `begin` on: true when there was one more since. */
function since(count: () => number): { readonly begin: () => void; readonly more: () => boolean } {
  let before = 0
  return { begin: () => void (before = count()), more: () => count() > before }
}

const relay = since(() => proxied.proxies.relay.counters.accepted)
const endpoint = since(() => proxied.proxies.endpoint.counters.accepted)
const calls = since(() => proxied.base.webhooks.calls.length)

const hangs: readonly Hang[] = [
  ...(['connect', 'mail', 'rcpt', 'data'] as const).map(silentAt),
  {
    what: 'the relay, a black hole',
    begin: () => (relay.begin(), proxied.proxies.relay.blackHole()),
    hangs: relay.more,
    ends: [forced('email intent \\S+ \\(\\w+\\) running since')],
  },
  {
    what: 'an endpoint that drips its headers forever',
    begin: () => {
      calls.begin()
      proxied.base.webhooks.respondWith(() => ({
        raw: ({ socket }) => {
          socket?.write('HTTP/1.1 200 OK\r\n')
          const drip = setInterval(() => socket?.write('x-drip: 1\r\n'), 200)
          socket?.once('close', () => clearInterval(drip))
        },
      }))
    },
    hangs: calls.more,
    ends: [forced('webhook intent \\S+ \\(\\w+\\) running since')],
  },
  {
    what: 'an endpoint, a black hole',
    begin: () => (endpoint.begin(), proxied.proxies.endpoint.blackHole()),
    hangs: endpoint.more,
    ends: [forced('webhook intent \\S+ \\(\\w+\\) running since')],
  },
  {
    what: 'a statement behind the lock of a frozen client',
    begin: () => startFrozenTransaction(proxied.base.databaseUrl, 'LOCK TABLE worker.outcomes IN ACCESS EXCLUSIVE MODE'),
    hangs: async () =>
      (await proxied.base.sql.query(`SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`))
        .length > 0,
    ends: [drained],
  },
  {
    what: 'PostgreSQL, a black hole',
    begin: () => proxied.proxies.postgres.blackHole(),
    hangs: () => true,
    // With nothing under way there is nothing to wait for.
    ends: [forced('waiting for the database'), drained],
  },
  {
    what: 'Kafka, a black hole',
    begin: () => proxied.proxies.kafka.blackHole(),
    hangs: () => true,
    ends: [forced('connections to Kafka|has not left yet')],
  },
]

/**
 * Fault: SIGTERM while a relay, an endpoint, the database or Kafka hangs at some stage.
 * Promise: The process exits within `SHUTDOWN_GRACE_MS`, with 0 where it could drain, otherwise with 2 and the name of what blocked.
 */
test.each(hangs)('a stop ends within the grace period whatever hangs: $what', async ({ early = false, begin, hangs: doesHang, ends }) => {
  const { base } = proxied
  const platform = new Platform(base.sql)
  const campaign = await platform.campaign()
  const rewards = await rewardTenant(base, platform, 1, proxied.endpoint(`/${campaign.campaignId}`))
  const before = early ? await begin() : undefined
  const daemon = proxied.daemon({ SHUTDOWN_GRACE_MS: String(GRACE_MS), MAIL_DEADLINE_MS: '120000', WEBHOOK_DEADLINE_MS: '120000' })
  await daemon.ready()
  const hold = early ? before : await begin()
  await base.publisher.publishMany([{ type: 'user.signed_up', ...campaign, ...(await platform.person(campaign)) }, ...rewards.events])
  await eventually('it hangs', async () => (await doesHang()) || 'not yet')
  const stopRequestedAt = Date.now()
  daemon.kill('SIGTERM')
  const code = await daemon.exited
  const tookMs = Date.now() - stopRequestedAt
  await hold?.[Symbol.asyncDispose]()
  // Work that was cut off may be recorded after that line.
  const last = daemon.lines.findLast(({ msg }) => msg === 'stopped' || msg.startsWith('Forced'))?.msg ?? ''
  console.log(`exit code ${code} after ${tookMs} ms: ${last}`)
  expect(tookMs).toBeLessThan(GRACE_MS + MARGIN_MS)
  expectClean(daemon)
  const expected = ends.some(([wanted, word]) => code === wanted && word.test(last))
  expect(expected, `exit code ${code}: ${last}`).toBe(true)
})
