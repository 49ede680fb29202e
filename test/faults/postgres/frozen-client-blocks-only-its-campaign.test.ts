import { expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { createFaultFixture } from '../../support/faults/fault-fixture.ts'
import { countersOf, probesOf } from '../../support/faults/probes.ts'
import { startFrozenTransaction } from '../../support/frozen-transaction.ts'

/**
 * Fault: A process that holds a campaign's lock, or the rows of its participants, in an open transaction is frozen.
 * Promise: That campaign's leaderboard waits and reports for what; all others continue, and daemons are ready. When the process is gone,
 * everything is correct again.
 */
test.each([
  {
    what: 'the lock of a campaign',
    reason: 'campaign-locked',
    seed: 28,
    statement: (id: string) => `SELECT pg_advisory_xact_lock(hashtextextended('leaderboard:' || '${id}'::uuid, 0))`,
  },
  {
    what: 'the rows of a campaign',
    reason: 'rows-locked',
    seed: 29,
    statement: (id: string) => `SELECT FROM waitlist_users WHERE campaign_id = '${id}' FOR UPDATE`,
  },
])('a frozen client blocks only the campaign that it has locked ($what)', async ({ what, reason, seed, statement }) => {
  await using fixture = await createFaultFixture({ scenario: expect.getState().currentTestName, seed })
  const daemons = [fixture.daemon(), fixture.daemon()]
  await Promise.all(daemons.map((daemon) => daemon.ready()))
  const traffic = fixture.traffic({ eventsPerSecond: 40 })
  await eventually('traffic is under way', () => traffic.acknowledged > 150 || `${traffic.acknowledged} events`)

  const recalculated = () => countersOf(daemons, 'kafka_worker_recalculations_total')
  const campaignId = fixture.seedData[0]?.campaigns[0]?.id
  await fixture.fault(`a frozen client with ${what}`, [], async () => {
    await using _frozen = await frozenWhileItIsToBeRanked()
    const before = await recalculated()
    await eventually('others are recalculated', async () => (await recalculated()) > before + 5 || `${await recalculated()} of ${before}`)
    expect((await Promise.all(daemons.map(probesOf))).map(({ live, ready }) => live && ready)).toEqual([true, true])
  })
  await traffic.stop()
  await fixture.assertHistory()

  /** The platform waits for those rows too, so something of the campaign must be on its way already; where nothing is, it goes on and is frozen again. */
  async function frozenWhileItIsToBeRanked(): Promise<AsyncDisposable> {
    for (let tries = 1; ; tries++) {
      const frozen = await startFrozenTransaction(fixture.base.databaseUrl, statement(campaignId ?? ''))
      try {
        await eventually('its leaderboard waits', itWaits, 8_000)
        return frozen
      } catch (error) {
        await frozen[Symbol.asyncDispose]()
        if (tries === 8) throw error
      }
      const reported = traffic.acknowledged
      await eventually('traffic goes on', () => traffic.acknowledged > reported + 40 || `${traffic.acknowledged - reported} events`)
    }
  }

  async function itWaits(): Promise<true | string> {
    const found = await fixture.base.sql.query<{ reason: string }>(
      `SELECT reason FROM worker.intents WHERE campaign_id = $1 AND channel = 'leaderboard'`,
      [campaignId],
    )
    return found.some((row) => row.reason === reason) || JSON.stringify(found)
  }
})
