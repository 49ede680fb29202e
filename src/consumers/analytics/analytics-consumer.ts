import { join } from 'node:path'
import type { AnyEvent } from '../../events/event.ts'
import type { ProjectingConsumer } from '../../model/consumer.ts'
import { sqlArray } from '../../std/sql-array.ts'

/** `analytics-workers`: counts events per campaign, type and day. Off unless `KAFKA_GROUPS` names it. */
export const analyticsConsumer: ProjectingConsumer = {
  name: 'analytics-workers',
  optIn: true,
  types: ['user.*', 'referral.*', 'reward.*', 'campaign.*'],
  tables: {
    schema: 'analytics',
    migrations: join(import.meta.dirname, 'migrations'),
    needs: { event_counts: ['SELECT', 'INSERT', 'UPDATE'] },
  },
  async project(events, tx) {
    const counts = countsOf(events)
    await tx.query(
      `INSERT INTO analytics.event_counts AS c (campaign_id, day, type, count)
       SELECT * FROM unnest($1::uuid[], $2::date[], $3::text[], $4::bigint[]) AS n (campaign_id, day, type, count)
        ORDER BY campaign_id, day, type
       ON CONFLICT (campaign_id, day, type) DO UPDATE SET count = c.count + excluded.count`,
      [
        sqlArray(counts, ({ campaignId }) => campaignId),
        sqlArray(counts, ({ day }) => day),
        sqlArray(counts, ({ type }) => type),
        sqlArray(counts, ({ count }) => count),
      ],
    )
  },
}

interface Count {
  readonly campaignId: string
  /** `YYYY-MM-DD` in UTC. */
  readonly day: string
  readonly type: string
  readonly count: number
}

/** One row per campaign, day and type, because a statement can update a row only once. */
function countsOf(events: readonly AnyEvent[]): readonly Count[] {
  const counts = new Map<string, Count>()
  for (const { campaign_id, timestamp, type } of events) {
    const campaignId = campaign_id.toLowerCase()
    const day = new Date(timestamp).toISOString().slice(0, 10)
    const key = `${campaignId} ${day} ${type}`
    counts.set(key, { campaignId, day, type, count: (counts.get(key)?.count ?? 0) + 1 })
  }
  return [...counts.values()]
}
