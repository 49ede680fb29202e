/** A member of a group as Kafka describes it. */
export interface Member {
  readonly memberId: string
  readonly clientId: string
  /** The address that it connects from. */
  readonly address: string
  /** Name of its machine and process id, as the member itself states them; null for a member that is not ours. */
  readonly host: string | null
  readonly pid: number | null
  readonly partitions: readonly number[]
}

/** A record without its value. */
export interface RecordHead {
  readonly offset: bigint
  /** Milliseconds since 1970, by the clock of the producer or the broker. */
  readonly timestamp: number
  readonly type: string | null
  readonly eventId: string | null
}

/** The port to Kafka for lag beyond offsets. Nothing is written. */
export interface GroupReader {
  members(group: string, topic: string): Promise<readonly Member[]>
  /** The first record at or after each offset, by partition; partitions without one are missing. */
  heads(topic: string, offsets: ReadonlyMap<number, bigint>): Promise<ReadonlyMap<number, RecordHead>>
}

/** Due intents of one channel. */
export interface DueWork {
  readonly channel: string
  /** Counted up to {@link DUE_LIMIT}. */
  readonly count: number
  /** Campaigns among those counted. */
  readonly campaignCount: number
  /** How long the oldest live one has been due; null when none of that class is. */
  readonly oldestMs: number | null
  /** Of those counted: the campaigns with the most, at most {@link MOST_CAMPAIGNS}. */
  readonly campaigns: readonly { readonly campaignId: string; readonly count: number }[]
}

export const DUE_LIMIT = 5_000
export const MOST_CAMPAIGNS = 5

/** A destination whose breaker is open, as the processes have recorded it. */
export interface AwayDestination {
  readonly channel: string
  readonly destination: string
  readonly reason: string | null
  readonly since: Date
  /** Intents of the group that are deferred for it, counted up to 1,000. */
  readonly waiting: number
}

/** A campaign whose last recalculations took too long. */
export interface SlowCampaign {
  readonly campaignId: string
  readonly tries: number
  readonly nextTryAt: Date
}

/** What the database knows of a group. */
export interface GroupInside {
  /** Null while it could not be read, where the rest could. */
  readonly due: readonly DueWork[] | null
  readonly away: readonly AwayDestination[]
  readonly slow: readonly SlowCampaign[]
  /** By partition, how long ago its progress row last moved; by the database's clock, in milliseconds. */
  readonly idleMs: ReadonlyMap<number, number>
}

/**
 * A session of a daemon that waits for a lock, and the session that holds it. Times are null where the role may not see them. Without `pid`
 * no daemon waits at this moment, because each gives up after a few seconds and tries again later: the session has held locks on our
 * tables for more than those few seconds, or for a second one that also keeps readers waiting.
 */
export interface BlockedStatement {
  readonly pid: number | null
  readonly application: string | null
  /** Verbs and tables, or the tables that are locked; never a value. */
  readonly statement: string | null
  readonly forMs: number | null
  readonly by: {
    readonly pid: number
    readonly application: string
    readonly state: string | null
    /** How long its transaction has been open. */
    readonly forMs: number | null
  }
}

/** The port to the database for causes of lag: every query reads a bounded number of rows, however many intents there are. */
export interface InsideReader {
  readonly inside: (group: string, topic: string, limits: { readonly due: number; readonly campaigns: number }) => Promise<GroupInside>
  /** At most 20 that wait and, behind them, 20 that hold locks. */
  readonly blocked: () => Promise<readonly BlockedStatement[]>
}

/** What {@link InsideReader} reads, each part by itself: `due` and `away` read intents. */
export interface InsideParts extends Pick<InsideReader, 'blocked'> {
  readonly due: (group: string, limits: { readonly due: number; readonly campaigns: number }) => Promise<readonly DueWork[]>
  readonly away: (group: string) => Promise<readonly AwayDestination[]>
  readonly slow: (group: string) => Promise<readonly SlowCampaign[]>
  readonly idleMs: (group: string, topic: string) => Promise<ReadonlyMap<number, number>>
}

/** A channel as sentences need it. */
export interface ChannelWords {
  readonly name: string
  /** Its only destination; null: each intent has its own, or there are none. */
  readonly sole: string | null
  /** Such as "endpoint" and "rewards"; the name of the channel where there are no destinations. */
  readonly destination: string
  readonly deliveries: string
  /** It works on one campaign at a time. */
  readonly isSerial: boolean
}
