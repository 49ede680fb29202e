import { setImmediate } from 'node:timers/promises'
import { vi } from 'vitest'
import type { Performed } from '../../../src/delivery/channel.ts'
import type { Intent } from '../../../src/model/intent.ts'
import { createIntentWorkers, type IntentWorkers } from '../../../src/delivery/worker-pool.ts'
import { prepareEach, type IntentKind } from '../../../src/model/intent-kind.ts'
import { createAutoAdvancingClock } from '../../support/auto-advancing-clock.ts'
import { sampleIntent } from '../../support/sample-intent.ts'
import { createDeliveryFixture, mailKind, sent, type DeliveryFixture } from './delivery-fixture.ts'

/** Far longer than any test: what happens here happens because somebody was woken, not because of a poll. */
export const NO_POLL_MS = 600_000

export const soon = <Result>(look: () => Result) => vi.waitFor(look, { interval: 1, timeout: 30_000 })
export const mails = (count: number, from = 1): Intent[] => Array.from({ length: count }, (_, n) => sampleIntent({ id: String(from + n) }))

export const classes = ['live', 'broadcast', 'replay'] as const
export const nobody = { campaigns: [], accounts: [], classes: [] }
/** Mails of one campaign. */
export const of = (campaignId: string, count: number) => mails(count, Number(campaignId) * 100).map((intent) => ({ ...intent, campaignId }))
/** Webhooks to one endpoint, each of a campaign of its own. */
export const hooks = (count: number, from = 1) =>
  mails(count, from).map((intent) => ({ ...intent, channel: 'webhook' as const, kind: 'reward', campaignId: `c${intent.id}` }))

export const webhookKind: IntentKind<'webhook'> = {
  kind: 'reward',
  version: 1,
  channel: 'webhook',
  prepare: prepareEach(async () => ({ is: 'skip', reason: 'test' })),
}

export const broadcastKind: IntentKind<'broadcast'> = {
  kind: 'milestone-broadcast',
  version: 1,
  channel: 'broadcast',
  prepare: async () => [{ is: 'message', message: { count: async () => 0, page: async () => ({ drafts: [], cursor: null }) } }],
}

export interface Fixture extends DeliveryFixture {
  readonly workers: IntentWorkers
  /** Sends under way, each with its end in the test's hand. */
  readonly sending: { readonly id: string; readonly end: (performed?: Performed) => void }[]
  /** Ends sends as they come, from now on. */
  readonly flow: () => void
  /** Called before the workers are stopped. */
  readonly cleanups: (() => void)[]
}

const fixtures: Fixture[] = []

/** Lets every send end, and stops the workers of a test. */
export async function stopWorkers(): Promise<void> {
  for (const fixture of fixtures) {
    fixture.flow()
    for (const cleanup of fixture.cleanups) cleanup()
  }
  await Promise.all(fixtures.splice(0).map(({ workers }) => workers.stop()))
}

export function fixtureOf(
  options: { poolSize?: number; pollMs?: number; kinds?: Parameters<typeof createDeliveryFixture>[0] } = {},
): Fixture {
  const jumping = createAutoAdvancingClock()
  // Others have their turn meanwhile: an end is tried again for as long as the store is away.
  const clock = { ...jumping, sleep: (ms: number, signal?: AbortSignal) => setImmediate().then(() => jumping.sleep(ms, signal)) }
  const fixture = createDeliveryFixture(options.kinds ?? [mailKind()], { clock })
  const sending: Fixture['sending'] = []
  let flowing = false
  fixture.email.perform = ({ id }, _frozen, _message, _slot, signal) =>
    new Promise((resolve) => {
      signal.addEventListener('abort', () => resolve({ is: 'ambiguous', reason: 'cut-off', reply: {} }))
      sending.push({ id, end: (performed = sent) => resolve(performed) })
      if (flowing) resolve(sent)
    })
  const workers = createIntentWorkers({
    group: 'test-workers',
    executor: fixture.executor,
    poolSize: options.poolSize ?? 4,
    owner: 'me',
    pollMs: options.pollMs ?? NO_POLL_MS,
  })
  const whole: Fixture = {
    ...fixture,
    workers,
    sending,
    cleanups: [],
    flow() {
      flowing = true
      for (const one of sending) one.end()
    },
  }
  fixtures.push(whole)
  return whole
}

export function accepted(change: { intents?: number; claimed?: readonly Intent[] }): { intents: number; claimed: readonly Intent[] } {
  return { intents: 0, claimed: [], ...change }
}
