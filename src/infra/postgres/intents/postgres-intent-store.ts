import type { DeliveryLog } from '../../../delivery/delivery-log-table.ts'
import type { Claim, Intent } from '../../../model/intent.ts'
import type { ChannelName } from '../../../model/messages.ts'
import type {
  IntentStore,
  Settled,
  SettleRequest,
  StartDecision,
  StartedWith,
  StartRequest,
  StartWithRequest,
} from '../../../delivery/intent-store.ts'
import type { Database } from '../../../std/sql.ts'
import { abandonDeferred, recordBreakers } from './postgres-breaker-store.ts'
import { accountsOf, claim, release, renew } from './claim.ts'
import { areDue, backlog, countDue, countUnfinishedOf, oldestDue, oldestDueMs, type DueRequest } from './due-counts.ts'
import { handoverBatch } from './handover-batch.ts'
import { createHandoverBatcher, type HandoverBatcher, type HandoverItem, type WriteHandovers } from './handover-batcher.ts'
import { createMicroBatcher, isRolledBack, type MicroBatcherOptions } from './micro-batcher.ts'
import { writeNewestClaims } from './newest-claims.ts'
import { expireLeases } from './lease-expiry.ts'
import { postponeCampaign, resumeCampaigns } from './paused-campaigns.ts'
import { eventTypes, setAside, wakePaused } from './paused-intents.ts'
import { deferredDestinations } from './deferred.ts'
import { settleBatch, settleBatchWith, settleWithKind, type KindSettleItem, type SettleItem } from './settle-batch.ts'
import type { KindRows, RecordOutcomes } from '../../../model/intent-kind.ts'
import { briefSettleStatement, settleStatement, settleStatementOf, type SettleStatement } from './settle-statement.ts'
import { startBatch, startBatchWith, startWithBatch } from './start-batch.ts'
import { transact } from './transact.ts'

export interface IntentStoreOptions {
  /** The channels whose intents are counted. */
  readonly channels: readonly ChannelName[]
  /** Starts and outcomes wait at most this long for others to share their commit. */
  readonly batchWaitMs?: number
  /** Starts linger for this long: shorter, because a worker waits for each. */
  readonly startLingerMs?: number
  /** Workers of a group: when as many starts or outcomes wait, they are written at once. */
  readonly poolSize?: number
  /** Starts or outcomes in one transaction at most. */
  readonly batchItems?: number
  /** Leases expired in one statement at most. */
  readonly expireBatch?: number
}

/** Groups poll at the same instants, each by a timer of its own; milliseconds. */
const DUE_CHECK_LINGER_MS = 5

/** The intents in `worker.intents`. All times are the database's. Throws SqlError. */
export function createIntentStore(database: Database, options: IntentStoreOptions): IntentStore {
  const { channels, batchWaitMs = 10, startLingerMs = 2, poolSize, batchItems = 200, expireBatch = 500 } = options
  const { sql } = database
  const batches = { maxWaitMs: batchWaitMs, maxItems: batchItems }
  // As many as one group has workers, which hardly leaves any to wait for.
  const ofWorkers = { ...batches, ...(poolSize === undefined ? {} : { enough: poolSize }) }
  const startBatches = { ...ofWorkers, lingerMs: startLingerMs }
  const starts = onePer((deliveryLog: DeliveryLog | null) =>
    createClaimBatcher<StartRequest, 'started' | 'lost'>((requests) => startBatch(requests, deliveryLog, sql), 'lost', startBatches),
  )
  const startsWithRows = onePer((kindRows: KindRows) =>
    onePer((deliveryLog: DeliveryLog) => {
      const write = startBatchWith(kindRows, deliveryLog)
      return createClaimBatcher<StartRequest, 'started' | 'lost'>((requests) => write(requests, sql), 'lost', startBatches)
    }),
  )
  const startsOfKinds = new Map<object, unknown>()
  function startsOf<Message>(decision: StartDecision<Message>) {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- made below, for a decision of the same kind
    const made = startsOfKinds.get(decision.kind) as
      ReturnType<typeof createMicroBatcher<StartWithRequest<Message>, StartedWith>> | undefined
    const starts =
      made ??
      createClaimBatcher<StartWithRequest<Message>, StartedWith>(
        (requests) => startWithBatch(requests, decision, database),
        { is: 'lost' },
        startBatches,
      )
    startsOfKinds.set(decision.kind, starts)
    return starts
  }
  // Outcomes with a delivery log are written while the worker goes on with its next intent; it waits for the others, skips and waits.
  const outcomeBatches = ({ deliveryLog }: SettleStatement) => ({ ...ofWorkers, lingerMs: deliveryLog === null ? 0 : batchWaitMs })
  const settles = onePer((statement: SettleStatement) =>
    createClaimBatcher<SettleItem, Settled>((items) => settleBatch(items, statement, sql), 'lost', outcomeBatches(statement)),
  )
  const settlesWithRows = onePer((kindRows: KindRows) =>
    onePer((deliveryLog: DeliveryLog) => {
      const write = settleBatchWith(kindRows, deliveryLog)
      return createClaimBatcher<KindSettleItem, Settled>((items) => write(items, sql), 'lost', outcomeBatches(settleStatement(deliveryLog)))
    }),
  )
  const settlesOfKind = onePer((record: RecordOutcomes) =>
    onePer((statement: SettleStatement) =>
      createClaimBatcher<SettleItem, Settled>(
        (items) => database.transaction((tx) => settleWithKind(items, statement, record, tx)),
        'lost',
        outcomeBatches(statement),
      ),
    ),
  )
  // Mails of a group: no more are in doubt than it has workers.
  const handoversOf = onePer((_group: string) => new Map<DeliveryLog, HandoverBatcher<StartRequest, SettleItem>>())
  function handovers(group: string, deliveryLog: DeliveryLog): HandoverBatcher<StartRequest, SettleItem> {
    const ofGroup = handoversOf(group)
    const known = ofGroup.get(deliveryLog)
    if (known !== undefined) return known
    const write: WriteHandovers<StartRequest, SettleItem> = (items, patience) =>
      writeNewestClaims(items, intentOfHandover, 'lost', (newest) => handoverBatch(newest, deliveryLog, sql, patience))
    const made = createHandoverBatcher(write, {
      limit: poolSize ?? Infinity,
      startLingerMs,
      outcomeLingerMs: batchWaitMs,
      maxWaitMs: batchWaitMs,
      maxItems: batchItems,
    })
    ofGroup.set(deliveryLog, made)
    return made
  }
  /** Where the start of a claim counts; an outcome may leave out the delivery log that its start had. */
  function countedAt({
    group,
    claim,
  }: Intent): { readonly log: DeliveryLog; readonly handedOver: HandoverBatcher<StartRequest, SettleItem> } | null {
    for (const [log, handedOver] of handoversOf(group)) if (handedOver.has(keyOf(claim))) return { log, handedOver }
    return null
  }
  const renewals = onePer((leaseMs: number) =>
    createMicroBatcher((claims: readonly Claim[]) => renew(sql, claims, leaseMs), { ...batches, lingerMs: batchWaitMs }),
  )

  const dueChecks = createMicroBatcher((requests: readonly DueRequest[]) => areDue(sql, requests), {
    ...batches,
    lingerMs: DUE_CHECK_LINGER_MS,
    maxWaitMs: DUE_CHECK_LINGER_MS,
  })

  async function settleOne({
    intent,
    settlement,
    deliveryLog,
    reply,
    detail,
    ownTablesOnly,
    kindOutcome,
  }: SettleRequest): Promise<Settled> {
    const item = { intent, settlement, reply, detail, kindOutcome }
    const statement = settleStatementOf(intent, settlement, deliveryLog, ownTablesOnly)
    const write = (as: SettleStatement) => {
      if (kindOutcome === undefined) return settles(as)(item)
      const { record, kindRows, outcome } = kindOutcome
      if (kindRows !== undefined && deliveryLog !== null && as === settleStatement(deliveryLog)) {
        const values = kindRows.outcome.valuesOf({ intent, outcome })
        if (values !== null) return settlesWithRows(kindRows)(deliveryLog)({ ...item, outcome, values })
      }
      return settlesOfKind(record)(as)(item)
    }
    const counted = countedAt(intent)
    if (counted === null) return write(statement)
    const key = keyOf(intent.claim)
    const isUsual = statement === settleStatement(counted.log)
    if (isUsual && kindOutcome === undefined) return (await counted.handedOver.settle(key, item)) === 'settled' ? 'settled' : 'lost'
    return write(isUsual ? briefSettleStatement(counted.log) : statement).finally(() => counted.handedOver.settled(key))
  }

  async function startOne(request: StartRequest): Promise<'started' | 'lost'> {
    const { intent, state, leaseMs, deliveryLog, ofKind } = request
    if (ofKind !== undefined) {
      if (state === 'handing_over' || deliveryLog === null)
        throw new Error(`Rows of a kind cannot be written with a start of ${intent.kind}.`)
      return startsWithRows(ofKind.rows)(deliveryLog)(request)
    }
    if (state !== 'handing_over' || deliveryLog === null) return starts(deliveryLog)(request)
    const result = await handovers(intent.group, deliveryLog).start({ key: keyOf(intent.claim), leaseMs }, request)
    return result === 'started' ? result : 'lost'
  }

  async function startOneWith<Message>(request: StartWithRequest<Message>, decision: StartDecision<Message>): Promise<StartedWith> {
    const { intent, state, leaseMs, deliveryLog } = request
    if (state !== 'handing_over' || deliveryLog === null) return startsOf(decision)(request)
    const handedOver = handovers(intent.group, deliveryLog)
    const key = keyOf(intent.claim)
    await handedOver.admit({ key, leaseMs })
    try {
      const started = await startsOf(decision)(request)
      if (started.is !== 'started') handedOver.settled(key)
      return started
    } catch (error) {
      if (isRolledBack(error)) handedOver.settled(key)
      throw error
    }
  }

  return {
    read: sql,
    claim: (request) => claim(sql, request),
    isDue: (group, counted) => dueChecks({ group, channels: counted }),
    accountsOf: (campaignIds) => accountsOf(sql, campaignIds),
    release: (claims) => release(sql, claims),
    start: (requests) => Promise.allSettled(requests.map(startOne)),
    startWith: (requests, decision) => Promise.allSettled(requests.map(async (request) => startOneWith(request, decision))),
    settle: (requests) => Promise.allSettled(requests.map(settleOne)),
    renew: (claimed, leaseMs) => renewals(leaseMs)(claimed).then(() => undefined),
    transact: (intent, leaseMs, work) => transact(database, intent, leaseMs, work),
    expireLeases: (how) => expireLeases(sql, how, expireBatch),
    countDue: (group, counted, limit) => countDue(sql, group, counted, limit),
    countUnfinishedOf: (intent, limit) => countUnfinishedOf(sql, intent, limit),
    deferredDestinations: (group, channel, after, limit) => deferredDestinations(sql, group, channel, after, limit),
    postponeCampaign: (intent, to) => postponeCampaign(sql, intent, to),
    resumeCampaigns: () => resumeCampaigns(sql),
    eventTypes: (intents) => eventTypes(sql, intents),
    setAside: (wanted) => setAside(sql, wanted),
    wakePaused: () => wakePaused(sql),
    recordBreakers: (changes) => recordBreakers(sql, changes),
    abandonDeferred: (request, record) => abandonDeferred(database, request, record),
    oldestDueMs: (group, channel) => oldestDueMs(sql, group, channel),
    oldestDue: (group) => oldestDue(sql, group, channels),
    backlog: (group, limit) => backlog(sql, group, limit, channels),
  }
}

/** For writes that prove claims. */
function createClaimBatcher<Item extends { readonly intent: Intent }, Result>(
  write: (items: readonly Item[]) => Promise<readonly Result[]>,
  lost: Result,
  options: MicroBatcherOptions,
): (item: Item) => Promise<Result> {
  return createMicroBatcher((items) => writeNewestClaims(items, ({ intent }) => intent, lost, write), options)
}

function intentOfHandover(item: HandoverItem<StartRequest, SettleItem>): Intent {
  return item.is === 'start' ? item.start.intent : item.outcome.intent
}

function keyOf({ id, owner, claims }: Claim): string {
  return `${id} ${owner} ${claims}`
}

/** Memoizes `create`: requests that share a statement share a batcher. */
function onePer<Key, Value>(create: (key: Key) => Value): (key: Key) => Value {
  const made = new Map<Key, Value>()
  return (key) => {
    const value = made.get(key) ?? create(key)
    made.set(key, value)
    return value
  }
}
