import type { Row } from './history.ts'

/** Rows of the final state, reduced to what is checked. The columns of each table are listed at `Row` in history.ts. */
export interface Rows {
  readonly outcomes: Outcome[]
  readonly intents: Intent[]
  readonly progress: Progress[]
  readonly deadLetters: DeadLetterRow[]
  readonly codes: Code[]
  readonly emailLogs: EmailLog[]
  readonly deliveries: Delivery[]
  readonly users: User[]
  readonly rewards: UserReward[]
}

export interface Outcome {
  readonly group: string
  readonly eventId: string
  readonly partition: number
  readonly offset: number
  readonly outcome: string
  readonly effects: readonly string[]
  readonly at: number
  readonly recovered: boolean
}

export interface Intent {
  readonly group: string
  readonly kind: string
  readonly channel: string
  readonly key: string
  readonly coalesce: boolean
  readonly eventId: string | null
  readonly campaignId: string
  readonly userId: string | null
  readonly state: string
  readonly reason: string | null
  readonly claims: number
  readonly attempt: number
  readonly ambiguous: number
  /** Whether the message is frozen, as it is from the first attempt on. */
  readonly frozen: boolean
  readonly webhookId: string | null
  readonly createdAt: number
  readonly finishedAt: number | null
}

export interface Progress {
  readonly group: string
  readonly topic: string
  readonly partition: number
  readonly next: number
}

export interface DeadLetterRow {
  readonly group: string
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly reason: string
  readonly at: number
}

export interface Code {
  readonly campaignId: string
  readonly code: string
  readonly userRewardId: string
}

export interface EmailLog {
  readonly userId: string | null
  readonly recipient: string
  readonly type: string
  readonly status: string
  readonly error: string | null
}

/** In place of a reward's id, for deliveries of anything else. */
export const NO_REWARD = '-'

export interface Delivery {
  /** {@link NO_REWARD} where the delivery is of something else. */
  readonly userRewardId: string
  readonly status: string
  readonly attempts: number
  readonly error: string | null
}

export interface User {
  readonly id: string
  readonly campaignId: string
  readonly position: number
  readonly ranked: boolean
}

export interface UserReward {
  readonly id: string
  readonly status: string
  readonly code: string | null
  readonly attempts: number
  readonly deliveredAt: number | null
  readonly error: string | null
}

export function noRows(): Rows {
  return { outcomes: [], intents: [], progress: [], deadLetters: [], codes: [], emailLogs: [], deliveries: [], users: [], rewards: [] }
}

/** @throws naming table and column, when a column is absent or of another kind: a row that is not understood cannot be checked. */
export function addRow(rows: Rows, { table, row }: Row): void {
  const read = reader(table, row)
  const location = () => ({ partition: read.number('partition'), offset: read.number('offset') })
  switch (table) {
    case 'outcomes':
      rows.outcomes.push({
        group: read.text('group_name'),
        eventId: read.text('event_id'),
        ...location(),
        outcome: read.text('outcome'),
        effects: read.texts('effects'),
        at: read.number('at'),
        recovered: row['recovered'] === true,
      })
      return
    case 'intents': {
      const envelope = read.object('envelope')
      rows.intents.push({
        group: read.text('group_name'),
        kind: read.text('kind'),
        channel: read.text('channel'),
        key: read.text('key'),
        coalesce: row['coalesce'] === true,
        eventId: read.textOrNull('event_id'),
        campaignId: read.text('campaign_id'),
        userId: read.textOrNull('user_id'),
        state: read.text('state'),
        reason: read.textOrNull('reason'),
        claims: read.number('claims'),
        attempt: read.number('attempt'),
        ambiguous: read.number('ambiguous'),
        frozen: envelope !== null,
        webhookId: typeof envelope?.['webhookId'] === 'string' ? envelope['webhookId'] : null,
        createdAt: read.number('created_at'),
        finishedAt: read.numberOrNull('finished_at'),
      })
      return
    }
    case 'progress':
      rows.progress.push({
        group: read.text('group_name'),
        topic: read.text('topic'),
        partition: read.number('partition'),
        next: read.number('next_offset'),
      })
      return
    case 'dead_letters':
      rows.deadLetters.push({
        group: read.text('group_name'),
        topic: read.text('topic'),
        ...location(),
        reason: read.text('reason'),
        at: read.number('at'),
      })
      return
    case 'reward_codes':
      rows.codes.push({ campaignId: read.text('campaign_id'), code: read.text('code'), userRewardId: read.text('user_reward_id') })
      return
    case 'email_logs':
      rows.emailLogs.push({
        userId: read.textOrNull('user_id'),
        recipient: read.text('recipient_email'),
        type: read.text('type'),
        status: read.text('status'),
        error: read.textOrNull('error_message'),
      })
      return
    case 'webhook_deliveries': {
      const data = read.object('payload')?.['data']
      const id = typeof data === 'object' && data !== null && 'user_reward_id' in data ? data.user_reward_id : null
      rows.deliveries.push({
        userRewardId: typeof id === 'string' ? id : NO_REWARD,
        status: read.text('status'),
        attempts: read.number('attempt_number'),
        error: read.textOrNull('error_message'),
      })
      return
    }
    case 'waitlist_users':
      rows.users.push({
        id: read.text('id'),
        campaignId: read.text('campaign_id'),
        position: read.number('position'),
        ranked: read.numberOrNull('ranked_score') !== null,
      })
      return
    case 'user_rewards': {
      const code = read.object('reward_data')?.['code']
      rows.rewards.push({
        id: read.text('id'),
        status: read.text('status'),
        code: typeof code === 'string' ? code : null,
        attempts: read.number('delivery_attempts'),
        deliveredAt: read.numberOrNull('delivered_at'),
        error: read.textOrNull('delivery_error'),
      })
      return
    }
    default:
      throw new Error(`Rows of ${String(table)} are not expected.`)
  }
}

type Fields = Readonly<Record<string, unknown>>

function reader(table: string, row: Fields) {
  const wrong = (column: string, kind: string) => new Error(`A row of ${table} has no ${kind} in ${column}.`)
  const textOrNull = (column: string): string | null => {
    const value = row[column]
    if (value === null) return null
    if (typeof value !== 'string') throw wrong(column, 'text')
    return value
  }
  const numberOrNull = (column: string): number | null => {
    const value = row[column]
    if (value === null) return null
    const number = typeof value === 'string' && value !== '' ? Number(value) : value
    if (typeof number !== 'number' || !Number.isFinite(number)) throw wrong(column, 'number')
    return number
  }
  const sure = <Value>(column: string, value: Value | null): Value => {
    if (value === null) throw wrong(column, 'value')
    return value
  }
  return {
    textOrNull,
    numberOrNull,
    text: (column: string) => sure(column, textOrNull(column)),
    number: (column: string) => sure(column, numberOrNull(column)),
    texts(column: string): readonly string[] {
      const value = row[column]
      if (!Array.isArray(value)) throw wrong(column, 'array')
      return value.map(String)
    },
    object(column: string): Fields | null {
      const value = row[column]
      if (value === null) return null
      if (!isFields(value)) throw wrong(column, 'object')
      return value
    },
  }
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
