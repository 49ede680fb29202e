import { wasRevoked, type Endings, type Purpose } from './endings.ts'
import type { EntryOf } from './history.ts'
import type { Ledger } from './ledger.ts'
import type { Intent } from './rows.ts'
import type { Findings } from './verdict.ts'
import { when } from './verdict.ts'
import { isLostTime, type WholeHistory } from './whole-history.ts'
import type { World } from './world.ts'

type Call = EntryOf<'webhook'>

/** The delivery of a reward: its row, and who is to get what. */
export interface RewardDuty {
  readonly userRewardId: string
  readonly intent: Intent
  readonly purpose: Purpose
  readonly method: 'email' | 'webhook' | 'manual' | null
}

export function rewardDuties(history: WholeHistory, world: World, ledgers: readonly Ledger[]): readonly RewardDuty[] {
  const rows = new Map(history.rows.intents.map((intent) => [`${intent.group} ${intent.key}`, intent]))
  const due = ledgers.flatMap(({ group, accepted }) =>
    [...accepted.values()].flatMap(({ event, effects, entry }) =>
      effects.filter(({ is }) => is === 'reward').map(({ key }) => ({ event, entry, intent: rows.get(`${group} ${key}`) })),
    ),
  )
  return due.flatMap(({ event, entry, intent }): RewardDuty[] => {
    const userRewardId = String(event.data['user_reward_id'])
    if (intent === undefined || entry.outcome?.outcome !== 'accepted') return []
    const grant = world.grants.get(userRewardId) ?? null
    const userId = String(event.data['user_id'])
    const address = world.people.get(userId)?.email ?? null
    const purpose = { campaignId: event.campaignId, userId, eventAt: event.at, mail: null, grant, address }
    const method = grant === null ? null : (world.rewards.get(grant.rewardId)?.method ?? null)
    return [{ userRewardId, intent, purpose, method }]
  })
}

/** Deliveries by webhook that are not those of rewards. */
export function otherDeliveries(history: WholeHistory, duties: readonly RewardDuty[]): readonly Intent[] {
  const ofRewards = new Set(duties.map(({ intent }) => intent))
  return history.rows.intents.filter((intent) => intent.channel === 'webhook' && !ofRewards.has(intent))
}

/** Of every delivery by webhook the receiver saw one id and one body, and the row says delivered exactly when a 2xx was answered. */
export function judgeWebhooks(history: WholeHistory, duties: readonly RewardDuty[], endings: Endings, findings: Findings): void {
  const calls = Map.groupBy(history.calls, ({ id }) => id)
  const known = new Set<string>()
  for (const { intent, purpose, method, userRewardId } of duties) {
    if (intent.webhookId !== null && method === 'webhook') {
      if (known.has(intent.webhookId)) findings.violated('I3', `${intent.webhookId} is the id of more than one delivery.`)
      known.add(intent.webhookId)
    }
    if (method === 'email') continue
    findings.checked('I3')
    const made = intent.webhookId === null ? [] : (calls.get(intent.webhookId) ?? [])
    judgeEnd(history, { intent, purpose, userRewardId, method }, made, endings, findings)
  }
  for (const intent of otherDeliveries(history, duties)) {
    findings.checked('I3')
    if (intent.webhookId !== null) {
      if (known.has(intent.webhookId)) findings.violated('I3', `${intent.webhookId} is the id of more than one delivery.`)
      known.add(intent.webhookId)
    }
    judgeAnswer(
      history,
      intent,
      `${intent.key} of ${intent.group}`,
      intent.webhookId === null ? [] : (calls.get(intent.webhookId) ?? []),
      findings,
    )
  }
  const bodies = new Map<string, string>()
  for (const [id, made] of calls) {
    findings.checked('I3', made.length)
    if (made.length > 1) findings.count('webhookRepeats', made.length - 1)
    if (!known.has(id)) findings.violated('I3', `${of(made)} carries ${id}, which is the id of no delivery.`)
    judgeSameness(history, id, made, bodies, findings)
  }
}

function judgeSameness(history: WholeHistory, id: string, made: readonly Call[], bodies: Map<string, string>, findings: Findings): void {
  const [first] = made
  if (first === undefined) return
  // A delivery of a time that the database has lost is frozen anew.
  const isExempt = made.some(({ at }) => isLostTime(history, at))
  if (!isExempt && made.some(({ bodySha256 }) => bodySha256 !== first.bodySha256))
    findings.violated('I3', `${id} came with different bodies (${made.map(({ at }) => when(at)).join(', ')}).`)
  for (const { at, signatureOk, bodySha256 } of made) {
    if (!signatureOk) findings.violated('I3', `${id} came at ${when(at)} with a signature that is not right.`)
    const other = bodies.get(bodySha256)
    if (other !== undefined && other !== id) findings.violated('I3', `One body came under two ids, ${other} and ${id}.`)
    bodies.set(bodySha256, id)
  }
}

function judgeEnd(history: WholeHistory, duty: RewardDuty, made: readonly Call[], endings: Endings, findings: Findings): void {
  const { intent, purpose, userRewardId } = duty
  const name = `The delivery of reward ${userRewardId}`
  const isOver = history.run.settles && !['delivered', 'pending', 'claimed'].includes(intent.state)
  const fault = isOver ? endings.fault(intent, purpose) : null
  if (fault !== null) findings.violated('I3', `${name} is ${fault}.`)
  if (intent.state === 'delivered' || !wasRevoked(purpose)) judgeAnswer(history, intent, name, made, findings)
}

/** The row says delivered exactly when a receiver answered 2xx. */
function judgeAnswer(history: WholeHistory, intent: Intent, name: string, made: readonly Call[], findings: Findings): void {
  const answered = made.find(({ status }) => status !== null && status >= 200 && status < 300)
  if (intent.state === 'delivered') {
    if (answered !== undefined) return
    findings.count('lost')
    findings.violated('I3', `${name} is delivered, and no receiver answered 2xx.`)
    return
  }
  if (!history.run.settles || ['pending', 'claimed'].includes(intent.state)) return
  // An answer that got lost on its way is asked for again, and what is said then counts.
  const last = made.at(-1)
  if (answered !== undefined && last === answered && !wasHit(history))
    findings.violated('I3', `${name} was answered ${answered.status} at ${when(answered.at)}, and its row is ${intent.state}.`)
}

function wasHit(history: WholeHistory): boolean {
  return history.faults.some(({ hits }) => hits.includes('webhook'))
}

function of(made: readonly Call[]): string {
  return `A request of ${when(made[0]?.at ?? 0)} to ${made[0]?.path ?? ''}`
}
