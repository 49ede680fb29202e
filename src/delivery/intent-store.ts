import type { Sql } from '../std/sql.ts'
import type { BreakerStore } from './breaker-history.ts'
import type { Claim, Frozen, Intent, IntentClass, IntentDraft, IntentState } from '../model/intent.ts'
import type { AttemptOutcome, Composed, OutcomeNote, KindRows, KindValues, RecordOutcomes } from '../model/intent-kind.ts'
import type { ChannelName } from '../model/messages.ts'
import type { Pause } from '../model/pause.ts'
import type { DeliveryLog } from './delivery-log-table.ts'

/** What a process can execute of one group and channel. */
export interface ClaimRequest {
  readonly group: string
  readonly channel: ChannelName
  readonly kinds: readonly { readonly kind: string; readonly version: number }[]
  readonly owner: string
  readonly limit: number
  readonly leaseMs: number
  /** The classes that are claimed, each from what those before it leave. */
  readonly order: readonly IntentClass[]
  /** How many of the claim may be intents of replays, besides deferred ones. */
  readonly replays: number
  /** Campaigns and accounts that hold their share of the workers: their intents of these classes are passed over. */
  readonly without: {
    readonly campaigns: readonly string[]
    readonly accounts: readonly string[]
    readonly classes: readonly IntentClass[]
  }
  /** Destinations whose deferred intents may be claimed, each up to its free permits. */
  readonly deferred: readonly { readonly destination: string; readonly permits: number }[]
  /** How many of the claim are for deferred intents; they get the rest of it, too, where nothing else is due. */
  readonly deferredShare: number
}

/** The final states that an attempt can lead to; cancelling is left to operators. */
type FinalState = Extract<IntentState, 'sent' | 'delivered' | 'skipped' | 'dead' | 'rejected'>

/** The outcome of an attempt, as the store writes it. Delays are counted from the database's clock. */
export type Settlement =
  | { readonly is: 'final'; readonly state: FinalState; readonly reason: string | null }
  /**
   * Due again later. `waiting`: nothing was started, so no attempt counts. `retry`: a failed attempt. `uncounted`: an attempt that does not
   * count, because the other side accepted nothing from any intent. `refused`: a failed attempt whose start was rolled back.
   */
  | { readonly is: 'later'; readonly as: 'waiting' | 'retry' | 'uncounted' | 'refused'; readonly reason: string; readonly afterMs: number }
  /** The reply is unknown: retried once after `afterMs`, held when it was ambiguous before or `hold` is set. */
  | { readonly is: 'ambiguous'; readonly reason: string; readonly afterMs: number; readonly hold: boolean }
  /** Never started: claimed again by `destination` once that has a free permit, or like any other after `afterMs`. */
  | { readonly is: 'deferred'; readonly destination: string; readonly reason: 'endpoint-busy' | 'endpoint-open'; readonly afterMs: number }
  /** Never started: pending and due now on another channel, whose kind of the same name prepares it. */
  | { readonly is: 'moved'; readonly channel: ChannelName }

/** The answer of the other side, as far as the channel keeps it. */
export interface Reply {
  readonly status?: number
  readonly durationMs?: number
  readonly providerId?: string
  /** In our own words, never text of another system. */
  readonly error?: string
}

/** `waiting`: not due yet; `deferred`: for a permit of its destination; `held`: for the operator. */
export interface Backlog {
  readonly channel: string
  readonly state: 'due' | 'waiting' | 'deferred' | 'running' | 'ambiguous' | 'held'
  readonly count: number
}

/** The outcome of one attempt, as it is to be recorded. */
export interface SettleRequest extends SettleOptions {
  readonly intent: Intent
  readonly settlement: Settlement
}

export interface SettleOptions {
  readonly deliveryLog: DeliveryLog | null
  readonly reply: Reply
  /** What the reason leaves open, in our own words: no address, no text of another system. Kept beside the reason. */
  readonly detail?: string | null
  /** The platform's tables refused the outcome: only our own are written. */
  readonly ownTablesOnly?: boolean
  /** The outcome for the state that the kind of the intent keeps, written in the same transaction; by the statement itself where `kindRows` has values for it. */
  readonly kindOutcome?:
    { readonly outcome: AttemptOutcome; readonly record: RecordOutcomes; readonly kindRows?: KindRows | undefined } | undefined
}

/** `lost`: another worker has the intent. A note is what the kind said about its own rows. */
export type Settled = 'settled' | 'lost' | OutcomeNote

/** A start of which only the transaction knows what is frozen. */
export interface StartWithRequest<Message> extends Composed<Message> {
  /** `handing_over` for what cannot be taken back (mail); `claimed` for what may simply run again. */
  readonly state: 'handing_over' | 'claimed'
  /** The lease is renewed to this from the start on. */
  readonly leaseMs: number
  readonly deliveryLog: DeliveryLog | null
}

export interface StartRequest extends Omit<StartWithRequest<unknown>, 'message'> {
  readonly frozen: Frozen
  /** Rows of its kind, written by the same statement; `lost` then also means that they did not let it start. For `claimed`, with a delivery log. */
  readonly ofKind?: { readonly rows: KindRows; readonly values: KindValues } | undefined
}

export type StartAnswer = { readonly is: 'go'; readonly frozen: Frozen } | { readonly is: 'skip'; readonly reason: string }

/** What decides about starts inside their transaction. */
export interface StartDecision<Message> {
  /** Starts with the same `kind` share transactions; they have one delivery log, and are decided in the same way. */
  readonly kind: object
  readonly decide: (starts: readonly Composed<Message>[], tx: Sql) => Promise<readonly StartAnswer[]>
}

export type StartedWith =
  { readonly is: 'started'; readonly frozen: Frozen } | { readonly is: 'skip'; readonly reason: string } | { readonly is: 'lost' }

/** Due intents of one group, channel and class that a pause covers. */
export interface SetAside {
  readonly pause: Pick<Pause, 'id' | 'scope' | 'target'>
  readonly group: string
  readonly channel: ChannelName
  readonly class: IntentClass
  /** Pending intents that are known to be under the pause. */
  readonly ids: readonly string[]
  /** They are due again when the pause is over, and after so long at the latest; milliseconds. */
  readonly forMs: number
}

/** The port to the intents. Every write proves the claim by (id, owner, claims); `lost` means drop the work. */
export interface IntentStore extends BreakerStore {
  /** Reads outside any transaction that writes. */
  readonly read: Sql
  claim(request: ClaimRequest): Promise<readonly Intent[]>
  /**
   * Whether anything of these channels is due, claimable or not; what is deferred is not due. Calls within 5 ms, of
   * any groups, share a statement.
   */
  isDue(group: string, channels: readonly ChannelName[]): Promise<boolean>
  /** The account of each of these campaigns, as the platform's rows say. */
  accountsOf(campaignIds: readonly string[]): Promise<ReadonlyMap<string, string>>
  /** Releases claims: the intents are due now, in their order among what is due. */
  release(claims: readonly Claim[]): Promise<void>
  /**
   * Proves each claim, counts the attempt, stores what was frozen, opens the delivery log's row. Answers for each, in their order: a row
   * that the database refuses fails alone. Requests share commits, also with those of other callers (10 ms). Never rejects.
   */
  start(requests: readonly StartRequest[]): Promise<readonly PromiseSettledResult<'started' | 'lost'>[]>
  /**
   * The same, where `decide` reads and writes in the transaction before it says what is frozen. The claims are proved, and their rows locked,
   * before it runs. A skip is made in a transaction of its own, which is rolled back.
   */
  startWith<Message>(
    requests: readonly StartWithRequest<Message>[],
    decision: StartDecision<Message>,
  ): Promise<readonly PromiseSettledResult<StartedWith>[]>
  /**
   * Records the outcomes of attempts, in their delivery logs and the rows of their kinds too, and answers for each as `start` does. Requests
   * share commits. With a delivery log they wait for others: until there are as many as a group has workers, at most 10 ms; a caller should not
   * await such an outcome before it goes on. Never rejects.
   */
  settle(requests: readonly SettleRequest[]): Promise<readonly PromiseSettledResult<Settled>[]>
  /**
   * Renews a lease to `leaseMs` from now, while an outcome waits to be written; an intent that is in doubt already is not due before then.
   * Skips rows that are locked or claimed by another worker.
   */
  renew(claim: Claim, leaseMs: number): Promise<void>
  /** One transaction that proves the claim before `work` and settles the intent after it: for channels whose effect is the database. */
  transact<Result>(
    intent: Intent,
    leaseMs: number,
    work: (tx: Sql) => Promise<{ result: Result; settlement: Settlement; drafts?: readonly IntentDraft[]; data?: Intent['data'] }>,
  ): Promise<Result | 'lost'>
  /** Expires leases: claims become pending again; a mail that was being sent becomes ambiguous (held when it was before, or under `hold`). */
  expireLeases(options: { hold: boolean; ambiguousRetryMs: number }): Promise<{ readonly reclaimed: number; readonly ambiguous: number }>
  /** Live intents of the group that are due, or wait for a rate limit, counted up to `limit` (backpressure). */
  countDue(group: string, channels: readonly ChannelName[], limit: number): Promise<number>
  /** Postpones what is due next of the same campaign, kind and class, as far as a search of bounded cost finds it. */
  postponeCampaign(intent: Intent, to: { readonly reason: string; readonly afterMs: number }): Promise<number>
  /** Makes a batch of intents due that wait for a campaign which is no longer paused. */
  resumeCampaigns(): Promise<{ readonly resumed: number; readonly all: boolean }>
  /** The event types of intents, by event id, as far as the outcomes of their events are on record. */
  eventTypes(intents: readonly Pick<Intent, 'group' | 'eventId'>[]): Promise<ReadonlyMap<string, string>>
  /**
   * Takes intents under a pause of a campaign, destination or type out of the order of what is due: these, and what is due next under it, as
   * far as a search of bounded cost finds it. Resolves to how many.
   */
  setAside(request: SetAside): Promise<number>
  /** Makes a batch of intents due that were set aside for a pause which is over. */
  wakePaused(): Promise<{ readonly woken: number; readonly all: boolean }>
  /** Destinations with deferred intents, in their order and behind `after`, at most `limit`. */
  deferredDestinations(group: string, channel: ChannelName, after: string, limit: number): Promise<readonly string[]>
  /** How many intents that this one has written are still unfinished (the mails of a broadcast), counted up to `limit`. */
  countUnfinishedOf(intent: Pick<Intent, 'group' | 'eventId' | 'channel'>, limit: number): Promise<number>
  /** How long the oldest due live intent of the group and channel has been due, in milliseconds; null when none is due. */
  oldestDueMs(group: string, channel: ChannelName): Promise<number | null>
  /** The same for each channel that has any, for metrics. */
  oldestDue(group: string): Promise<readonly { readonly channel: string; readonly ms: number }[]>
  /** Unfinished intents of the group, for metrics; counts stop at `limit` per line. */
  backlog(group: string, limit: number): Promise<readonly Backlog[]>
}
