import type { Sql } from '../std/sql.ts'
import type { Intent } from './intent.ts'
import type { ChannelName, Messages } from './messages.ts'
import type { RetryPolicy } from './retry-policy.ts'

/** `of: 'campaign'`: the answer holds for every intent of this kind and campaign, so they are postponed together. */
export interface Wait {
  readonly is: 'wait'
  readonly reason: string
  readonly afterMs: number
  readonly of?: 'campaign'
}

/**
 * `skip` is final, with the reason that an operator reads; `wait` counts no attempt and prepares again later. `dead` is final, too, but a
 * failure: the operator can fix the cause and retry it, and `recordOutcomes` is called. `channel` moves an intent that was never started to
 * another channel, due now, without an attempt: the kind of the same name there prepares it again.
 */
export type Prepared<Message> =
  | { readonly is: 'message'; readonly message: Message; readonly note?: string }
  | { readonly is: 'skip'; readonly reason: string }
  | Wait
  | { readonly is: 'dead'; readonly reason: string }
  | { readonly is: 'channel'; readonly channel: ChannelName }

export type Started<Message> = { readonly is: 'go'; readonly message: Message } | { readonly is: 'skip'; readonly reason: string }

/**
 * Answers for each of many intents of a kind, in their order; the rows of all of them can be read by one query. An error is
 * the fault of the block as a whole: each intent is then prepared alone. {@link prepareEach} makes one from a function for a single intent.
 */
export type Prepare<Message> = (intents: readonly Intent[], read: Sql) => Promise<readonly Prepared<Message>[]>

/** Prepares the intents of a block one after another, so that a block takes one connection at a time. */
export function prepareEach<Message>(prepare: (intent: Intent, read: Sql) => Promise<Prepared<Message>>): Prepare<Message> {
  return async (intents, read) => {
    const answers: Prepared<Message>[] = []
    for (const intent of intents) answers.push(await prepare(intent, read))
    return answers
  }
}

/** The outcome of an attempt, for a kind that keeps a state of its own. `final` is false while retries are left. */
export interface AttemptOutcome {
  readonly ok: boolean
  readonly final: boolean
  readonly reason: string | null
}

/** An intent with the message that it was prepared to send. */
export interface Composed<Message> {
  readonly intent: Intent
  readonly message: Message
}

/**
 * Answers for each of many starts of a kind, in their order, in the transaction that has proved their claims. An error, and a skip,
 * rolls back the whole block, whose starts are then made alone. {@link startEach} makes one from a function for a single intent.
 */
export type Start<Message> = (starts: readonly Composed<Message>[], tx: Sql) => Promise<readonly Started<Message>[]>

export function startEach<Message>(start: (intent: Intent, message: Message, tx: Sql) => Promise<Started<Message>>): Start<Message> {
  return async (starts, tx) => {
    const answers: Started<Message>[] = []
    for (const { intent, message } of starts) answers.push(await start(intent, message, tx))
    return answers
  }
}

/** An intent with the outcome of its attempt. */
export interface IntentOutcome {
  readonly intent: Intent
  readonly outcome: AttemptOutcome
}

/** Returned by `recordOutcomes`, and by `notes` of {@link KindRows}, when the kind's own state could not follow the attempt; counted in `delivery_notes_total`. */
export interface OutcomeNote {
  readonly note: string
}

/**
 * Writes the outcomes of many attempts of a kind into its own state, in the transaction that settles the intents, and returns a note or
 * undefined for each, in their order. An error rolls back the whole block, whose outcomes are then recorded one by one.
 * {@link recordEach} makes one from a function for a single intent.
 */
export type RecordOutcomes = (outcomes: readonly IntentOutcome[], tx: Sql) => Promise<readonly (OutcomeNote | undefined)[]>

export function recordEach(record: (intent: Intent, outcome: AttemptOutcome, tx: Sql) => Promise<OutcomeNote | undefined>): RecordOutcomes {
  return async (outcomes, tx) => {
    const notes: (OutcomeNote | undefined)[] = []
    for (const { intent, outcome } of outcomes) notes.push(await record(intent, outcome, tx))
    return notes
  }
}

/** An UPDATE of a kind's own rows, as a common table expression of a statement about many intents, of which no two may change one row. */
export interface KindUpdate {
  /** Types of PostgreSQL by the names of the columns that the kind adds to each intent, in the order of its values. */
  readonly columns: Readonly<Record<string, string>>
  /**
   * @param k rows `k` with `intent_id` and the columns, of those intents whose claim is proved; their rows in `worker.intents` are locked
   * @returns SQL that returns `k.intent_id` for each row that it has written
   */
  sql(k: string): string
}

/** What a kind writes into rows of its own, in the statements that write starts and outcomes. */
export interface KindRows {
  /** Lets an intent start by returning it. */
  readonly start: KindUpdate
  readonly outcome: KindUpdate & {
    /** Null when `recordOutcomes` has to write it. */
    valuesOf(outcome: IntentOutcome): KindValues | null
    /** For outcomes that the update did not return, once they are committed: a note or undefined for each, in their order. */
    notes(outcomes: readonly IntentOutcome[], read: Sql): Promise<readonly (OutcomeNote | undefined)[]>
  }
}

export type KindValues = readonly (string | null)[]

/**
 * The usual case of `start` and of `recordOutcomes`, in one statement where each of them takes a transaction of four or five for a block.
 * Those two remain for the rest: what has no values here, and starts that the update did not return.
 */
export interface KindRowsOf<Message> extends KindRows {
  /** For a start with the message as it was prepared; null when only `start` can decide what is sent. */
  startValues(start: Composed<Message>): KindValues | null
}

/**
 * How one kind of intent is executed: data, registered by its consumer.
 *
 * `prepare` only reads, and is called before every attempt, at most a second before a worker takes the intent; a dry run of a replay is
 * accept and prepare, rolled back.
 * `start` runs inside the short transaction that proves the claims and commits before anything is sent; it may refuse.
 * `recordOutcomes` runs inside the transaction that settles the intents. Intents of one kind share these transactions; a kind without
 * a state of its own leaves both out, and its intents share them with those of other kinds. `kindRows` is for kinds that have both.
 */
export interface IntentKind<Channel extends keyof Messages = keyof Messages> {
  readonly kind: string
  readonly version: number
  readonly channel: Channel
  readonly prepare: Prepare<Messages[Channel]>
  start?(...args: Parameters<Start<Messages[Channel]>>): ReturnType<Start<Messages[Channel]>>
  readonly recordOutcomes?: RecordOutcomes
  readonly kindRows?: KindRowsOf<Messages[Channel]>
  /** When a failed attempt is made again; by default as the channel says. Limits set by the owner of the destination apply as well. */
  readonly retry?: RetryPolicy<Messages[Channel]>
}

/** Keeps the kinds of several channels in one list without losing what each was checked against. */
export type AnyIntentKind = { [Channel in keyof Messages]: IntentKind<Channel> }[keyof Messages]
