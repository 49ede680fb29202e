import { readMetrics, sumOf } from './metrics-text.ts'
import type { Session } from './session.ts'

/** The figures shown of the running daemon. */
export interface LiveFigures {
  readonly published: number
  readonly groups: readonly GroupFigures[]
  readonly mails: readonly { readonly type: string; readonly count: number }[]
  readonly leaderboard: { readonly campaign: string; readonly leaders: readonly Leader[] }
}

export interface GroupFigures {
  readonly group: string
  /** Records looked at, those of other groups' types left out. */
  readonly handled: number
  /** Per second since the last look. */
  readonly rate: number
  readonly lag: number
  readonly inFlight: number
  readonly due: number
  readonly waiting: number
  readonly retries: number
  readonly deadLetters: number
}

interface Leader {
  readonly position: number
  readonly name: string
  readonly friends: number
  readonly score: number
}

/** Reads the figures each time it is called; rates cover the time since the previous call. */
export function createLook({ daemon, database, servers, scenario, simulator }: Session): () => Promise<LiveFigures> {
  const before = new Map<string, { at: number; handled: number }>()
  const [campaign] = scenario.seedData.campaigns
  const campaignIds = scenario.seedData.campaigns.map(({ id }) => id)

  const rateOf = (group: string, handled: number): number => {
    const now = performance.now()
    const last = before.get(group)
    before.set(group, { at: now, handled })
    return last === undefined ? 0 : ((handled - last.handled) * 1000) / (now - last.at)
  }

  return async () => {
    const samples = readMetrics(await (await fetch(`${daemon.url}/metrics`)).text())
    const mails = await database.sql.query<{ type: string; count: number }>(
      `SELECT CASE type WHEN 'custom' THEN 'reward_delivery' ELSE type END AS type, count(*)::int AS count FROM platform.email_logs
        WHERE status = 'sent' AND campaign_id = ANY ($1::uuid[]) GROUP BY 1 ORDER BY 1`,
      [campaignIds],
    )
    const leaders = await database.sql.query<Leader>(
      `SELECT position, first_name AS name, verified_referral_count AS friends, ranked_score::int AS score FROM platform.waitlist_users
        WHERE campaign_id = $1 AND ranked_score IS NOT NULL ORDER BY position LIMIT 5`,
      [campaign?.id],
    )
    return {
      published: simulator.acknowledged,
      groups: servers.groups.map(({ name }) => {
        const group = servers.groupPrefix + name
        const skipped = sumOf(samples, 'kafka_worker_messages_total', { group, outcome: 'skipped' })
        const handled = sumOf(samples, 'kafka_worker_messages_total', { group }) - skipped
        return {
          group,
          handled,
          rate: rateOf(group, handled),
          lag: sumOf(samples, 'kafka_consumergroup_lag', { consumergroup: group }),
          inFlight: sumOf(samples, 'kafka_worker_in_flight', { group }),
          due: sumOf(samples, 'kafka_worker_intents_pending', { group, state: 'due' }),
          waiting: sumOf(samples, 'kafka_worker_intents_pending', { group, state: 'waiting' }),
          retries: sumOf(samples, 'kafka_worker_retries_total', { group }),
          deadLetters: sumOf(samples, 'kafka_worker_dead_letters_total', { group }),
        }
      }),
      mails,
      leaderboard: { campaign: campaign?.name ?? '', leaders },
    }
  }
}
