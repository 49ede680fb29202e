import type { DeliveryLog } from '../../src/delivery/delivery-log-table.ts'
import type {
  ClaimRequest,
  IntentStore,
  Reply,
  SetAside,
  Settled as SettledEnd,
  SettleRequest,
  Settlement,
  StartDecision,
  StartedWith,
  StartRequest,
  StartWithRequest,
} from '../../src/delivery/intent-store.ts'
import type { Claim, Intent, IntentDraft } from '../../src/model/intent.ts'
import { pauseTag } from '../../src/model/pause.ts'
import type { Sql } from '../../src/std/sql.ts'

/** A transaction without a database, passed on by a fake and never queried. */
export const noSql: Sql = { query: () => Promise.reject(new Error('nothing here may query the database')) }

export interface Settled {
  readonly intent: Intent
  readonly settlement: Settlement
  readonly reply: Reply
  readonly deliveryLog: DeliveryLog | null
  readonly detail: string | null
  readonly ownTablesOnly: boolean
}

/** Intents in memory, served in the order they lie in `due`. Records its calls, and returns `lost` where the test wants it. */
export class MemoryIntentStore implements IntentStore {
  readonly read = noSql
  readonly due: Intent[] = []
  readonly deferred = new Set<Intent>()
  readonly claims: ClaimRequest[] = []
  /** The group of each look at whether anything is due. */
  readonly looks: string[] = []
  /** The answer to all looks: rows that others have locked are due, too. Null: as `due` says. */
  isAnyDue: boolean | null = true
  readonly started: StartRequest[] = []
  readonly settled: Settled[] = []
  readonly kindOutcomes: NonNullable<SettleRequest['kindOutcome']>[] = []
  readonly released: Claim[] = []
  readonly renewed: Claim[] = []
  /** The event types of intents, by event id. */
  readonly types = new Map<string, string>()
  /** The pause and the ids of what was set aside together. */
  readonly aside: string[] = []
  /** Campaign and reason of what was put off together. */
  readonly putOff: string[] = []
  readonly transactions: {
    readonly settlement: Settlement
    readonly drafts: readonly IntentDraft[]
    readonly data: Intent['data'] | null
  }[] = []
  /** Says that somebody else has the intent now, to every write. */
  lost = false
  /** The rows of no kind let an intent start. */
  kindRowsRefuse = false
  /** Thrown by every write while set. */
  away: Error | null = null
  /** Ends of attempts are written when this resolves. */
  recording: Promise<void> = Promise.resolve()
  /** Thrown by the next settles, one each. */
  readonly settleFaults: Error[] = []
  deferredElsewhere: readonly string[] = []
  unfinished = 0
  /** By campaign. */
  readonly accounts = new Map<string, string>()

  async claim(request: ClaimRequest): Promise<readonly Intent[]> {
    this.claims.push(request)
    if (this.away !== null) throw this.away
    const { channel, order, without, limit, deferredShare, replays } = request
    const isPassedOver = (intent: Intent) =>
      without.classes.includes(intent.class) &&
      (without.campaigns.includes(intent.campaignId) || without.accounts.includes(this.accounts.get(intent.campaignId) ?? ''))
    const isWanted = (intent: Intent) => intent.channel === channel && !isPassedOver(intent)
    const byDestination = this.#deferredOf(request).filter(isWanted)
    const ofReplays = byDestination.filter((intent) => intent.class === 'replay').slice(0, replays)
    const deferred = byDestination.filter((intent) => intent.class !== 'replay' || ofReplays.includes(intent)).slice(0, limit)
    const wanted = this.due.filter((intent) => !this.deferred.has(intent) && isWanted(intent))
    const due = order.flatMap((name) =>
      wanted.filter((intent) => intent.class === name).slice(0, name === 'replay' ? replays - ofReplays.length : undefined),
    )
    const dueTaken = due.slice(0, limit - Math.min(deferred.length, deferredShare))
    const mine = [...deferred.slice(0, limit - dueTaken.length), ...dueTaken]
    for (const intent of mine) this.due.splice(this.due.indexOf(intent), 1)
    for (const intent of mine) this.deferred.delete(intent)
    return mine
  }

  async isDue(group: string): Promise<boolean> {
    this.looks.push(group)
    return this.isAnyDue ?? this.due.length > 0
  }

  async accountsOf(campaignIds: readonly string[]): Promise<ReadonlyMap<string, string>> {
    return new Map([...this.accounts].filter(([campaignId]) => campaignIds.includes(campaignId)))
  }

  #deferredOf(request: ClaimRequest): readonly Intent[] {
    return request.deferred.flatMap(({ destination, permits }) =>
      [...this.deferred].filter((intent) => intent.destination === destination).slice(0, permits),
    )
  }

  async release(claims: readonly Claim[]): Promise<void> {
    if (this.away !== null) throw this.away
    this.released.push(...claims)
  }

  start(requests: readonly StartRequest[]): Promise<readonly PromiseSettledResult<'started' | 'lost'>[]> {
    return Promise.allSettled(requests.map((request) => this.startOne(request)))
  }

  async startOne(request: StartRequest): Promise<'started' | 'lost'> {
    if (this.away !== null) throw this.away
    if (this.lost || (this.kindRowsRefuse && request.ofKind !== undefined)) return 'lost'
    this.started.push(request)
    return 'started'
  }

  startWith<Message>(
    requests: readonly StartWithRequest<Message>[],
    decision: StartDecision<Message>,
  ): Promise<readonly PromiseSettledResult<StartedWith>[]> {
    return Promise.allSettled(requests.map((request) => this.startOneWith(request, decision)))
  }

  async startOneWith<Message>(request: StartWithRequest<Message>, { decide }: StartDecision<Message>): Promise<StartedWith> {
    if (this.away !== null) throw this.away
    if (this.lost) return { is: 'lost' }
    const [answer] = await decide([request], noSql)
    if (answer?.is !== 'go') return answer ?? { is: 'lost' }
    this.started.push({ ...request, frozen: answer.frozen })
    return { is: 'started', frozen: answer.frozen }
  }

  async renew(claim: Claim): Promise<void> {
    if (this.away !== null) throw this.away
    this.renewed.push(claim)
  }

  settle(requests: readonly SettleRequest[]): Promise<readonly PromiseSettledResult<SettledEnd>[]> {
    return Promise.allSettled(requests.map((request) => this.settleOne(request)))
  }

  async settleOne(request: SettleRequest): Promise<SettledEnd> {
    const { intent, settlement } = request
    await this.recording
    if (this.away !== null) throw this.away
    const fault = this.settleFaults.shift()
    if (fault !== undefined) throw fault
    if (this.lost) return 'lost'
    if (request.kindOutcome !== undefined) this.kindOutcomes.push(request.kindOutcome)
    const [note] = (await request.kindOutcome?.record([{ intent, outcome: request.kindOutcome.outcome }], noSql)) ?? []
    if (settlement.is === 'deferred') {
      const deferred = { ...intent, destination: settlement.destination }
      this.due.push(deferred)
      this.deferred.add(deferred)
    }
    const { reply, deliveryLog, detail = null, ownTablesOnly = false } = request
    this.settled.push({ intent, settlement, reply, deliveryLog, detail, ownTablesOnly })
    return note ?? 'settled'
  }

  async transact<Result>(
    _intent: Intent,
    _leaseMs: number,
    work: (tx: Sql) => Promise<{ result: Result; settlement: Settlement; drafts?: readonly IntentDraft[]; data?: Intent['data'] }>,
  ): Promise<Result | 'lost'> {
    if (this.away !== null) throw this.away
    if (this.lost) return 'lost'
    const { result, settlement, drafts, data } = await work(noSql)
    this.transactions.push({ settlement, drafts: drafts ?? [], data: data ?? null })
    return result
  }

  async expireLeases(): Promise<{ reclaimed: number; ambiguous: number }> {
    return { reclaimed: 0, ambiguous: 0 }
  }

  async countDue(): Promise<number> {
    return 0
  }

  async deferredDestinations(): Promise<readonly string[]> {
    return this.deferredElsewhere
  }

  async postponeCampaign(intent: Intent, to: { readonly reason: string }): Promise<number> {
    this.putOff.push(`${intent.campaignId} ${to.reason}`)
    return 0
  }

  async resumeCampaigns(): Promise<{ resumed: number; all: boolean }> {
    return { resumed: 0, all: true }
  }

  async recordBreakers(): Promise<readonly never[]> {
    return []
  }

  async abandonDeferred(): Promise<readonly never[]> {
    return []
  }

  async eventTypes(): Promise<ReadonlyMap<string, string>> {
    return this.types
  }

  async setAside({ pause, ids }: SetAside): Promise<number> {
    this.aside.push(`${pauseTag(pause)}: ${ids.join(' ')}`)
    return ids.length
  }

  async wakePaused(): Promise<{ woken: number; all: boolean }> {
    return { woken: 0, all: true }
  }

  async countUnfinishedOf(_intent: unknown, limit: number): Promise<number> {
    return Math.min(limit, this.unfinished)
  }

  async oldestDueMs(): Promise<null> {
    return null
  }

  async oldestDue(): Promise<readonly never[]> {
    return []
  }

  async backlog(): Promise<readonly never[]> {
    return []
  }
}
