import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { onStatement, type Statement } from '../../support/faults/client-statements.ts'
import { createFaultFixture } from '../../support/faults/fault-fixture.ts'
import type { ProxyAction } from '../../support/faults/proxied-connection.ts'
import { tenantsOf } from '../../support/faults/reward-steps.ts'

/** What ends with one statement, and how it is known by its words: a COMMIT, or a statement that is a transaction of its own. */
const moments: Readonly<Record<string, (statement: Statement) => boolean>> = {
  'accept of events': commitAfter(/INSERT INTO worker\.outcomes/),
  'recalculation of a leaderboard': commitAfter(/INSERT INTO worker\.recalculations/),
  'start of a mail': alone(/WITH started AS[^]*INSERT INTO "public"\.email_logs/),
  'end of a mail': alone(/settled AS[^]*UPDATE "public"\.email_logs/),
  'start of a reward': alone(/allowed AS[^]*UPDATE "public"\.user_rewards/),
  'start of a reward in a transaction': commitAfter(/UPDATE "public"\.user_rewards ur\s+SET delivery_attempts/),
  'end of a reward': alone(/followed AS[^]*UPDATE "public"\.user_rewards/),
}

/** The server gets the bytes and its answer is lost; it never gets them; it gets them and the client waits for the answer in vain. */
const verdicts: readonly ProxyAction[] = ['cut', 'cut-before', 'cut', 'cut-before', 'mute', 'cut']

/**
 * Fault: Six times each, the connection is lost at the COMMIT of an accept, of a recalculation, and of the start and the settling of a mail
 * and of a reward: just after it, just before it, or with its reply lost.
 * Promise: The result is determined afterwards, and nothing is lost or done twice; a mail whose settling was lost may be sent once more,
 * marked.
 */
test('connections cut at COMMIT leave its result unknown, and nothing is doubled', async () => {
  await using fixture = await createFaultFixture({
    scenario: expect.getState().currentTestName,
    seed: 24,
    // How long an answer is waited for follows from it.
    variables: { DATABASE_STATEMENT_TIMEOUT_MS: '1000' },
  })
  const seen = new Map<string, number>()
  const struck = new Map<string, ProxyAction[]>()
  onStatement(fixture.proxies.postgres, (statement) => {
    const [moment] = Object.entries(moments).find(([, fits]) => fits(statement)) ?? []
    if (moment === undefined) return undefined
    const count = (seen.get(moment) ?? 0) + 1
    seen.set(moment, count)
    const before = struck.get(moment) ?? []
    const verdict = verdicts[before.length]
    // Every third: between two cuts there is work.
    if (count % 3 !== 0 || verdict === undefined) return undefined
    struck.set(moment, [...before, verdict])
    return verdict
  })
  const daemons = [fixture.daemon(), fixture.daemon()]
  await Promise.all(daemons.map((daemon) => daemon.ready()))

  const tenants = tenantsOf(fixture.seedData, fixture.random)
  await fixture.fault('connections are cut at COMMIT', [], async () => {
    const traffic = fixture.traffic({ eventsPerSecond: 50, events: 400 })
    for (const tenant of Array.from({ length: 10 }, () => tenants).flat()) {
      // One by one: those that come together share a start.
      await fixture.play(tenant.earnWithoutCode(1))
      await pause(50)
    }
    await traffic.done
  })
  await fixture.drained()
  expect(Object.fromEntries(struck)).toEqual(Object.fromEntries(Object.keys(moments).map((moment) => [moment, verdicts])))
  expect(await fixture.base.sql.query('SELECT reason FROM worker.intents WHERE state = $1', ['held'])).toEqual([])
  await fixture.assertHistory()
})

function commitAfter(words: RegExp) {
  return ({ text, transaction }: Statement) => text === 'COMMIT' && transaction.some((one) => words.test(one))
}

function alone(words: RegExp) {
  return ({ text, transaction }: Statement) => transaction.length === 1 && words.test(text)
}
