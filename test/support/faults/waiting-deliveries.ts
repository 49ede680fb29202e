import { expect } from 'vitest'
import { defaultGroups } from '../../../src/consumers/registry.ts'
import { eventually } from '../eventually.ts'
import { killDaemonAt } from './kill-daemon-at.ts'
import { everyHandler, mailsOfEveryHandler } from './every-handler.ts'
import { createFaultFixture, type FaultFixture } from './fault-fixture.ts'

/** A fixture on which all is accepted, every mail and reward waits, no daemon runs, and nothing has left yet. */
export interface WaitingDeliveries extends AsyncDisposable {
  readonly fixture: FaultFixture
  /** Mails of the email group that wait. Rewards are two, one by mail and one by webhook. */
  readonly mails: number
  /** Copies that the relay got of each mail, by Message-ID. */
  readonly copies: ReadonlyMap<string, number>
  /** Bodies that endpoints got of each delivery, by its id. */
  readonly bodies: ReadonlyMap<string, readonly string[]>
  /** How many mails of the email group and how many rewards are in each state, and how many mails of either were in doubt so often. */
  states(): Promise<States>
  /** What waits may be done from now on. */
  letAllGo(): Promise<void>
  /** One mail or reward of it. */
  letOneGo(): Promise<void>
  /**
   * A steady daemon works until all is done, and the checker speaks. The claims of the dead are over at once; by themselves some would
   * last for minutes.
   */
  settle(): Promise<void>
}

interface States {
  readonly mails: Readonly<Record<string, number>>
  /** By channel and state. */
  readonly rewards: Readonly<Record<string, number>>
  readonly doubts: Readonly<Record<string, number>>
}

/** Where nobody listens. */
const NO_RELAY = { SMTP_URL: 'smtp://127.0.0.1:1' }

/** @param transactions where the daemons that recalculate first and write the first page of a broadcast are killed; null: nowhere */
export async function waitingDeliveries(
  scenario: string | undefined,
  transactions: 'started' | 'settled' | null,
): Promise<WaitingDeliveries> {
  const fixture = await createFaultFixture({
    scenario,
    partitions: 1,
    simulations: 1,
    seed: 5,
    variables: { KAFKA_START_FROM: 'earliest' },
  })
  const { sql, smtp, webhooks } = fixture.base
  const copies = new Map<string, number>()
  const bodies = new Map<string, string[]>()
  smtp.onMail(({ messageId }) => copies.set(messageId, (copies.get(messageId) ?? 0) + 1))
  webhooks.onCall(({ id, bodySha256 }) => bodies.set(id, [...(bodies.get(id) ?? []), bodySha256]))

  const world = everyHandler(fixture)
  const goesOn = (status: 'active' | 'paused') =>
    sql.query('UPDATE public.campaigns SET status = $2 WHERE id = $1', [world.live.id, status])
  await fixture.play(world.before)
  // Rewards wait for their campaign to go on, mails for a relay.
  await goesOn('paused')
  await fixture.play(world.steps)
  if (transactions !== null) {
    await Promise.all([
      killDaemonAt(fixture, 'position-workers', { fact: transactions, channel: 'leaderboard' }),
      killDaemonAt(fixture, 'email-workers', { fact: transactions, channel: 'broadcast' }, NO_RELAY),
    ])
  }
  const accepting = fixture.daemon(NO_RELAY)
  const types = await typesThatWait(fixture, transactions === 'started' ? 1 : 2)
  accepting.kill('SIGTERM')
  expect(await accepting.exited).toBe(0)
  expect([copies.size, bodies.size]).toEqual([0, 0])
  await goesOn('active')
  // Without the reason by which a daemon would wake all that waited for the campaign.
  const due = (when: string, which: string) =>
    sql.query(
      `UPDATE worker.intents SET due_at = now() ${when}, reason = nullif(reason, 'campaign-paused') WHERE state = 'pending' AND kind IN ('mail', 'reward') ${which}`,
    )
  await due(`+ interval '1 hour'`, '')

  return {
    fixture,
    mails: Object.values(types).reduce((sum, count) => sum + count, 0),
    copies,
    bodies,
    async states() {
      const rows = await sql.query<{ kind: string; channel: string; state: string; ambiguous: number }>(
        `SELECT kind, channel, state, ambiguous FROM worker.intents WHERE kind IN ('mail', 'reward')`,
      )
      return {
        mails: counted(rows.filter(({ kind }) => kind === 'mail').map(({ state }) => state)),
        rewards: counted(rows.filter(({ kind }) => kind === 'reward').map(({ channel, state }) => `${channel} ${state}`)),
        doubts: counted(rows.filter(({ channel }) => channel === 'email').map(({ ambiguous }) => String(ambiguous))),
      }
    },
    letAllGo: () => fixture.makeRetriesDue(),
    async letOneGo() {
      await due('', `AND id = (SELECT min(id) FROM worker.intents WHERE state = 'pending' AND due_at > now())`)
    },
    async settle() {
      await fixture.heal()
      await fixture.makeRetriesDue()
      await sql.query(`UPDATE worker.intents SET lease_until = now() WHERE state IN ('claimed', 'handing_over')`)
      await fixture.daemon().ready()
      await fixture.assertHistory()
    },
    [Symbol.asyncDispose]: () => fixture[Symbol.asyncDispose](),
  }
}

/** Waits until all is accepted and nothing but mails and rewards is left to be done; returns the number of mails of each type. */
async function typesThatWait({ base: { sql, group } }: FaultFixture, milestone: number): Promise<Record<string, number>> {
  const groups = defaultGroups.map(group)
  const types = { ...mailsOfEveryHandler, milestone }
  const expected = JSON.stringify({ accepted: '10', mails: types, rewards: '2', unranked: '0' })
  await eventually('every delivery waits', async () => {
    const [row] = await sql.query<{ mails: Record<string, number>; accepted: string; rewards: string; unranked: string }>(
      `SELECT (SELECT count(*) FROM worker.outcomes WHERE group_name = ANY ($1)) AS accepted,
              (SELECT jsonb_object_agg(type, n) FROM (SELECT data ->> 'type' AS type, count(*) AS n FROM worker.intents
                WHERE kind = 'mail' AND state = 'pending' GROUP BY 1)) AS mails,
              (SELECT count(*) FROM worker.intents WHERE kind = 'reward' AND state = 'pending' AND reason = 'campaign-paused') AS rewards,
              (SELECT count(*) FROM waitlist_users WHERE ranked_score IS NULL) AS unranked`,
      [groups],
    )
    const seen = JSON.stringify({ ...row, mails: { ...types, ...row?.mails } })
    return (seen === expected && Object.keys(row?.mails ?? {}).length === 5) || JSON.stringify(row)
  })
  return types
}

function counted(names: readonly string[]): Record<string, number> {
  return Object.fromEntries([...Map.groupBy(names, (name) => name)].map(([name, same]) => [name, same.length]))
}
