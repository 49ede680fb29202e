import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/**
 * A history: what a run did and what was observed from outside, as JSON lines in `history.jsonl` of a folder, beside one
 * `daemon-<n>.log` per process with all its output. The harness writes it; the checker uses nothing else. All times are epoch
 * milliseconds of one machine's clock, which servers, daemons and sinks share.
 */
export type Entry =
  | Run
  | SeedData
  | Change
  | Acked
  | Aborted
  | LogRecord
  | Mail
  | WebhookCall
  | Commit
  | Generation
  | OffsetSample
  | Row
  | Counted
  | ProcessEvent
  | Fault
  | Health
  | Memory
  | Recovered
  | Refused
  | End

/** The entry of a kind. */
export type EntryOf<Kind extends Entry['is']> = Extract<Entry, { is: Kind }>

/** A consumer group and what it promises. Every group of a run is checked; the checker has no list of its own. */
export interface Group {
  /** Without a prefix. */
  readonly name: string
  /** As Kafka and the tables know it. */
  readonly id: string
  /** The event types that it handles: exact, or a family such as `user.*`. */
  readonly types: readonly string[]
  /** The servers that its work depends on. */
  readonly needs: readonly ('relay' | 'webhook')[]
  /**
   * The effects of an event, by its type; a type that is not named has none. Absent for a group that is not described: the effects
   * that its outcomes name are taken, and each has to exist once and to be finished. A mail or a coalesced effect has to be described.
   */
  readonly effects?: Readonly<Record<string, readonly EffectRule[]>>
  /** Whether it keeps rows of its own, written with the events that it accepts. */
  readonly projects: boolean
  /** Tables in which it counts the events that it accepts; see {@link Counted}. */
  readonly counts?: readonly CountRule[]
  /**
   * Fields of an event's data that it writes to PostgreSQL as text, by the event's type. An event with a text there that PostgreSQL does
   * not store may be dead-lettered. Absent for a group that is not described: any field.
   */
  readonly writes?: Readonly<Record<string, readonly string[]>>
}

/** An effect of an event. In `key`, `{id}`, `{campaign_id}` or a field of the event's data in braces stands for its value. */
export type EffectRule =
  /** To the person in the field `to`, about the row in the field `about`. */
  | { readonly is: 'mail'; readonly key: string; readonly type: string; readonly to: string; readonly about?: string }
  /** A milestone mail to the campaign's audience. */
  | { readonly is: 'broadcast'; readonly key: string }
  /** The delivery of the reward in `user_reward_id`. */
  | { readonly is: 'reward'; readonly key: string }
  /** Requests with the same key are merged, and their rows are deleted when they are done. */
  | { readonly is: 'coalesced'; readonly key: string }
  | { readonly is: 'other'; readonly key: string }

/** One count of events per combination of values. */
export interface CountRule {
  readonly name: string
  /** The types that are counted; left out: all that the group handles. */
  readonly types?: readonly string[]
  /** `type`, `day` (of the event, UTC, as 2030-01-31) or fields of the event's data, such as `campaign_id`. */
  readonly by: readonly string[]
}

/** The first line: what was run, and the limits that it promises. */
export interface Run {
  readonly is: 'run'
  readonly at: number
  /** The title of the scenario. */
  readonly scenario: string
  readonly seed: number | null
  readonly commit: string | null
  readonly topic: string
  readonly groups: readonly Group[]
  /** MAIL_AMBIGUOUS. */
  readonly ambiguous: 'retry' | 'hold'
  /** SHUTDOWN_GRACE_MS. */
  readonly graceMs: number
  /** POSITION_MAIL_MAX_WAIT_MS. */
  readonly positionMailMaxWaitMs: number
  /** The time after the end of a fault within which all lag has to be gone. */
  readonly recoveryMs: number
  /** Limit of each process's resident memory. */
  readonly memoryLimitMb: number
  /** Secret texts that must not occur in a daemon's output or in a dead-letter header. */
  readonly markers: readonly string[]
  /** Whether the run waited until all work was done; otherwise only what holds at any time is checked. */
  readonly drains: boolean
  /** EVENT_MAX_BYTES; absent: 1,048,576. */
  readonly maxEventBytes?: number
  /** MAIL_MAX_EVENT_AGE_SECONDS in milliseconds; absent: 7 days. */
  readonly mailMaxEventAgeMs?: number
}

/** The platform's rows before the first change. */
export interface SeedData {
  readonly is: 'seed-data'
  readonly campaigns: readonly { readonly id: string; readonly accountId: string; readonly points: number }[]
  readonly rewards: readonly {
    readonly id: string
    readonly campaignId: string
    readonly method: 'email' | 'webhook' | 'manual'
    /** Whether an active endpoint listens where the reward is to go. */
    readonly hasEndpoint: boolean
    /** Whether a code is made for each delivery. */
    readonly hasCode: boolean
  }[]
}

/** A transaction of the platform: `from` before its BEGIN, `at` after its COMMIT was acknowledged. In the order of their commits per campaign. */
export interface Change {
  readonly is: 'change'
  readonly from: number
  readonly at: number
  readonly change:
    | {
        readonly is: 'join'
        readonly userId: string
        readonly campaignId: string
        readonly email: string
        readonly originalPosition: number
        /** `created_at` of the row, epoch milliseconds; fractions where the row has microseconds. */
        readonly createdAt: number
        readonly consent: boolean
        readonly verifiedAt: number | null
      }
    | { readonly is: 'verify'; readonly userId: string; readonly verifiedAt: number }
    /** Blocked, removed or deleted: no mail, not ranked. */
    | { readonly is: 'leave'; readonly userId: string }
    /** The referral counts for its referrer from here on. */
    | { readonly is: 'confirm'; readonly referralId: string; readonly referrerId: string; readonly referredId: string }
    | { readonly is: 'points'; readonly campaignId: string; readonly points: number }
    | { readonly is: 'grant'; readonly userRewardId: string; readonly userId: string; readonly rewardId: string }
    | { readonly is: 'revoke'; readonly userRewardId: string }
}

/** A produce that Kafka acknowledged. */
export interface Acked {
  readonly is: 'acked'
  readonly at: number
  readonly eventId: string | null
  /** SHA-256 of the value, hex: finds records that have no id. */
  readonly valueSha256: string
}

/** A record was appended in a transaction that is aborted, or never ends: no group may accept it. Written before it is sent. */
export interface Aborted {
  readonly is: 'aborted'
  readonly at: number
  readonly eventId: string
}

/** A record of the log at the end of the run, read by a consumer of the harness. */
export interface LogRecord {
  readonly is: 'record'
  readonly partition: number
  readonly offset: number
  /** The broker's or producer's, epoch milliseconds. */
  readonly timestamp: number
  /** As UTF-8; an array when the record gives the header more than once. */
  readonly headers: Readonly<Record<string, string | readonly string[]>>
  /** Base64; null for a tombstone. */
  readonly value: string | null
  /** From a dead-letter topic: its name. Absent: the topic of the run. */
  readonly topic?: string
}

/** A mail that reached its final dot. */
export interface Mail {
  readonly is: 'mail'
  readonly at: number
  readonly messageId: string
  readonly recipients: readonly string[]
  readonly subject: string
  /** Header X-Mail-Type, if the mail has one. */
  readonly type: string | null
  /** SHA-256 of the whole message, hex. */
  readonly sha256: string
  /** The code of the reply; null when none was sent. */
  readonly reply: number | null
  /** The position that a position mail shows. */
  readonly position?: number
}

/** A request that a webhook receiver read to its end. */
export interface WebhookCall {
  readonly is: 'webhook'
  readonly at: number
  readonly id: string
  readonly path: string
  readonly bodySha256: string
  readonly signatureOk: boolean
  /** Null when no answer was given. */
  readonly status: number | null
}

/** A commit in `__consumer_offsets`, in the order of the log. `generation` is that of the group's last metadata before it. */
export interface Commit {
  readonly is: 'commit'
  /** Offset in its partition of `__consumer_offsets`. */
  readonly logOffset: number
  /** The broker's time of the commit. */
  readonly at: number
  readonly group: string
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly metadata: string
  readonly generation: number
  /** The member that committed, where the daemon reports it: the broker's log does not contain it. */
  readonly member?: string
}

/** A group's metadata in `__consumer_offsets`: the members and their partitions from here on. */
export interface Generation {
  readonly is: 'generation'
  readonly logOffset: number
  readonly at: number
  readonly group: string
  readonly generation: number
  readonly members: readonly { readonly id: string; readonly partitions: readonly number[] }[]
}

/** The committed offsets of a group in Kafka and, read after them, its rows in `worker.progress`. */
export interface OffsetSample {
  readonly is: 'offsets'
  readonly at: number
  readonly group: string
  readonly committed: Readonly<Record<string, number>>
  readonly stored: Readonly<Record<string, number>>
  /** The high watermarks of the topic, read last. Absent: the log ends behind its last record. */
  readonly ends?: Readonly<Record<string, number>>
  /** `clean-stop`: taken after every process had stopped by itself. */
  readonly when: 'running' | 'clean-stop' | 'drained'
}

/**
 * A row at the end of the run: every row of every table named here. Times are epoch milliseconds, bytea hex, bigint text, arrays and
 * jsonb as JSON. Columns that the checker reads; others may be left out:
 *
 * - `outcomes`: group_name, event_id, type, topic, partition, offset, outcome, effects, at, recovered
 * - `intents`: group_name, kind, channel, key, coalesce, class, event_id, campaign_id, user_id, state, reason, claims, attempt,
 *   ambiguous, envelope, created_at, finished_at
 * - `progress`: group_name, topic, partition, next_offset
 * - `dead_letters`: group_name, topic, partition, offset, event_id, reason, at
 * - `reward_codes`: campaign_id, code, user_reward_id
 * - `email_logs`: user_id, recipient_email, type, status, error_message
 * - `webhook_deliveries`: payload, status, attempt_number, error_message
 * - `waitlist_users`: id, campaign_id, position, ranked_score
 * - `user_rewards`: id, status, reward_data, delivery_attempts, delivered_at, delivery_error
 */
export interface Row {
  readonly is: 'row'
  readonly table:
    | 'outcomes'
    | 'intents'
    | 'progress'
    | 'dead_letters'
    | 'reward_codes'
    | 'email_logs'
    | 'webhook_deliveries'
    | 'waitlist_users'
    | 'user_rewards'
  readonly row: Readonly<Record<string, unknown>>
}

/** A row of a table in which a group counts events, at the end of the run. */
export interface Counted {
  readonly is: 'counted'
  /** The group's id, and the name of one of its counts. */
  readonly group: string
  readonly name: string
  /** The values of the fields that it counts by, in their order. */
  readonly by: readonly string[]
  readonly count: number
}

/** A change of a daemon's state, or a signal to it. */
export interface ProcessEvent {
  readonly is: 'process'
  readonly at: number
  /** The number in the name of its log. */
  readonly daemon: number
  readonly pid: number
  readonly event: 'started' | 'ready' | 'signalled' | 'exited'
  readonly signal?: string
  readonly code?: number | string
  /** For an exit: the number of lines that the daemon had written. */
  readonly lines?: number
  /** For a kill at a failpoint: the failpoint. */
  readonly failpoint?: string
}

/** The begin or the end of a fault. */
export interface Fault {
  readonly is: 'fault'
  readonly at: number
  readonly name: string
  readonly phase: 'begin' | 'end'
  /** What does not work while it lasts. */
  readonly affects: readonly ('kafka' | 'database' | 'relay' | 'webhook' | 'daemon')[]
  /** The database was restored to this time; what was done since is done again and marked `recovered`. */
  readonly setBackTo?: number
}

/** A daemon's replies to probes. */
export interface Health {
  readonly is: 'health'
  readonly at: number
  readonly daemon: number
  readonly ready: boolean | null
  readonly live: boolean | null
  readonly reasons: readonly string[]
}

export interface Memory {
  readonly is: 'memory'
  readonly at: number
  readonly daemon: number
  readonly residentMb: number
}

/** All groups had accepted and done everything after the last fault. */
export interface Recovered {
  readonly is: 'recovered'
  readonly at: number
  readonly afterMs: number
}

/** A recipient or a message that the relay refused before its final dot; without such an entry no intent may be rejected. */
export interface Refused {
  readonly is: 'refused'
  readonly at: number
  readonly recipient: string
  /** 4xx or 5xx. */
  readonly reply: number
}

/** The last line. A history is complete when it ends with it and holds as many entries. */
export interface End {
  readonly is: 'end'
  readonly at: number
  /** Lines before this one. */
  readonly entries: number
}

/** The file in a history's folder. */
export const HISTORY_FILE = 'history.jsonl'

/**
 * Reads a history, in the order it was written.
 *
 * @throws with the number of the line that is not valid JSON, a truncated last line included
 */
export async function* readHistory(folder: string): AsyncGenerator<Entry> {
  let number = 0
  for await (const line of createInterface({ input: createReadStream(join(folder, HISTORY_FILE)) })) {
    number += 1
    try {
      const entry: Entry = JSON.parse(line)
      yield entry
    } catch (cause) {
      throw new Error(`Line ${number} of ${folder}/${HISTORY_FILE} is not valid JSON.`, { cause })
    }
  }
}
