import { expect } from 'vitest'
import { killDaemonAt } from './kill-daemon-at.ts'
import { everyHandler, eventsOfEveryHandler } from './every-handler.ts'
import { createFaultFixture, type FaultFixture } from './fault-fixture.ts'
import type { Failpoint } from './failpoints.ts'

/** What is known of a group at one moment. */
interface GroupState {
  /** Events that have an outcome, by their types. */
  readonly outcomes: Readonly<Record<string, number>>
  /** The row of the group's only partition; 0 where it is not written. */
  readonly row: number
  /** The last committed offset; 0 without one. */
  readonly committed: number
  readonly intents: number
}

/** A fixture with an event for every handler on its topic, of one partition, of which nobody has read anything. */
export interface WaitingEvents extends AsyncDisposable {
  readonly fixture: FaultFixture
  /** One daemon per group fetches them all at once and is killed at the moment; each standing then, by the names of the groups. */
  killEveryGroupAt(killAt: Failpoint): Promise<Readonly<Record<string, GroupState>>>
  /** A steady daemon works until all is done, and the checker speaks. */
  finish(): Promise<void>
  /** Copies of each mail that the relay got, calls of each delivery that an endpoint got. */
  readonly copies: ReadonlyMap<string, number>
  /** Mails that were ever in doubt. */
  doubts(): Promise<number>
}

export async function waitingEvents(scenario: string | undefined): Promise<WaitingEvents> {
  const fixture = await createFaultFixture({
    scenario,
    partitions: 1,
    simulations: 1,
    seed: 6,
    variables: { KAFKA_START_FROM: 'earliest' },
  })
  const { sql, smtp, webhooks, admin, topic, groups, group } = fixture.base
  const copies = new Map<string, number>()
  const count = (id: string) => copies.set(id, (copies.get(id) ?? 0) + 1)
  smtp.onMail(({ messageId }) => count(messageId))
  webhooks.onCall(({ id }) => count(id))
  const work = everyHandler(fixture)
  await fixture.play([...work.before, ...work.steps])

  async function standing(name: string): Promise<GroupState> {
    const id = group(name)
    const outcomes = await sql.query<{ type: string; count: string }>(
      'SELECT type, count(*) FROM worker.outcomes WHERE group_name = $1 GROUP BY 1 ORDER BY 1',
      [id],
    )
    const [row] = await sql.query<{ next: string; intents: string }>(
      `SELECT (SELECT coalesce(max(next_offset), 0) FROM worker.progress WHERE group_name = $1) AS next,
              (SELECT count(*) FROM worker.intents WHERE group_name = $1) AS intents`,
      [id],
    )
    const committed = await admin.committed(id, topic)
    return {
      outcomes: Object.fromEntries(outcomes.map(({ type, count }) => [type, Number(count)])),
      row: Number(row?.next),
      committed: Number(committed.get(0) ?? 0),
      intents: Number(row?.intents),
    }
  }

  return {
    fixture,
    copies,
    async killEveryGroupAt(killAt) {
      await Promise.all(groups.map((name) => killDaemonAt(fixture, name, killAt, { KAFKA_WORKER_POOL_SIZE: '10' })))
      return Object.fromEntries(await Promise.all(groups.map(async (name) => [name, await standing(name)] as const)))
    },
    async finish() {
      await sql.query(`UPDATE worker.intents SET lease_until = now() WHERE state IN ('claimed', 'handing_over')`)
      await fixture.daemon().ready()
      await fixture.assertHistory()
      const after = await Promise.all(groups.map(standing))
      expect(after.map(({ outcomes }) => outcomes)).toEqual(groups.map(eventsOfEveryHandler))
    },
    async doubts() {
      const [row] = await sql.query<{ count: string }>('SELECT count(*) FROM worker.intents WHERE ambiguous > 0')
      return Number(row?.count)
    },
    [Symbol.asyncDispose]: () => fixture[Symbol.asyncDispose](),
  }
}
