import { wasRevoked, type FinalStates, type Purpose } from './final-states.ts'
import type { EntryOf } from './history.ts'
import type { GroupTimeline } from './group-timeline.ts'
import type { Intent } from './rows.ts'
import type { Findings } from './check-report.ts'
import { formatTime } from './check-report.ts'
import { isLostTime, type ParsedHistory } from './parsed-history.ts'
import type { PlatformState } from './platform-state.ts'

type Call = EntryOf<'webhook'>

/** The delivery of a reward: its intent, recipient and method. */
export interface RewardDelivery {
  readonly userRewardId: string
  readonly intent: Intent
  readonly purpose: Purpose
  readonly method: 'email' | 'webhook' | 'manual' | null
}

export function rewardDeliveriesOf(
  history: ParsedHistory,
  platform: PlatformState,
  timelines: readonly GroupTimeline[],
): readonly RewardDelivery[] {
  const rows = new Map(history.rows.intents.map((intent) => [`${intent.group} ${intent.key}`, intent]))
  const due = timelines.flatMap(({ group, accepted }) =>
    [...accepted.values()].flatMap(({ event, effects, entry }) =>
      effects.filter(({ is }) => is === 'reward').map(({ key }) => ({ event, entry, intent: rows.get(`${group} ${key}`) })),
    ),
  )
  return due.flatMap(({ event, entry, intent }): RewardDelivery[] => {
    const userRewardId = String(event.data['user_reward_id'])
    if (intent === undefined || entry.outcome?.outcome !== 'accepted') return []
    const grant = platform.grants.get(userRewardId) ?? null
    const userId = String(event.data['user_id'])
    const address = platform.people.get(userId)?.email ?? null
    const purpose = { campaignId: event.campaignId, userId, eventAt: event.at, mail: null, grant, address }
    const method = grant === null ? null : (platform.rewards.get(grant.rewardId)?.method ?? null)
    return [{ userRewardId, intent, purpose, method }]
  })
}

/** Deliveries by webhook of anything but rewards. */
export function otherDeliveries(history: ParsedHistory, rewardDeliveries: readonly RewardDelivery[]): readonly Intent[] {
  const ofRewards = new Set(rewardDeliveries.map(({ intent }) => intent))
  return history.rows.intents.filter((intent) => intent.channel === 'webhook' && !ofRewards.has(intent))
}

/** The receiver saw one id and one body per delivery, and the row is delivered exactly when a 2xx was answered. */
export function checkWebhooks(
  history: ParsedHistory,
  rewardDeliveries: readonly RewardDelivery[],
  finalStates: FinalStates,
  findings: Findings,
): void {
  const calls = Map.groupBy(history.calls, ({ id }) => id)
  const known = new Set<string>()
  for (const { intent, purpose, method, userRewardId } of rewardDeliveries) {
    if (intent.webhookId !== null && method === 'webhook') {
      if (known.has(intent.webhookId)) findings.violated('I3', `${intent.webhookId} is the id of more than one delivery.`)
      known.add(intent.webhookId)
    }
    if (method === 'email') continue
    findings.checked('I3')
    const made = intent.webhookId === null ? [] : (calls.get(intent.webhookId) ?? [])
    checkFinalState(history, { intent, purpose, userRewardId, method }, made, finalStates, findings)
  }
  for (const intent of otherDeliveries(history, rewardDeliveries)) {
    findings.checked('I3')
    if (intent.webhookId !== null) {
      if (known.has(intent.webhookId)) findings.violated('I3', `${intent.webhookId} is the id of more than one delivery.`)
      known.add(intent.webhookId)
    }
    checkAnswer(
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
    checkSameContent(history, id, made, bodies, findings)
  }
}

function checkSameContent(
  history: ParsedHistory,
  id: string,
  made: readonly Call[],
  bodies: Map<string, string>,
  findings: Findings,
): void {
  const [first] = made
  if (first === undefined) return
  // A delivery that a restore has undone gets a new body.
  const isExempt = made.some(({ at }) => isLostTime(history, at))
  if (!isExempt && made.some(({ bodySha256 }) => bodySha256 !== first.bodySha256))
    findings.violated('I3', `${id} came with different bodies (${made.map(({ at }) => formatTime(at)).join(', ')}).`)
  for (const { at, signatureOk, bodySha256 } of made) {
    if (!signatureOk) findings.violated('I3', `${id} came at ${formatTime(at)} with a wrong signature.`)
    const other = bodies.get(bodySha256)
    if (other !== undefined && other !== id) findings.violated('I3', `One body came under two ids, ${other} and ${id}.`)
    bodies.set(bodySha256, id)
  }
}

function checkFinalState(
  history: ParsedHistory,
  delivery: RewardDelivery,
  made: readonly Call[],
  finalStates: FinalStates,
  findings: Findings,
): void {
  const { intent, purpose, userRewardId } = delivery
  const name = `The delivery of reward ${userRewardId}`
  const isOver = history.run.drains && !['delivered', 'pending', 'claimed'].includes(intent.state)
  const unexplained = isOver ? finalStates.unexplained(intent, purpose) : null
  if (unexplained !== null) findings.violated('I3', `${name} is ${unexplained}.`)
  if (intent.state === 'delivered' || !wasRevoked(purpose)) checkAnswer(history, intent, name, made, findings)
}

/** The row is delivered exactly when a receiver answered 2xx. */
function checkAnswer(history: ParsedHistory, intent: Intent, name: string, made: readonly Call[], findings: Findings): void {
  const answered = made.find(({ status }) => status !== null && status >= 200 && status < 300)
  if (intent.state === 'delivered') {
    if (answered !== undefined) return
    findings.count('lost')
    findings.violated('I3', `${name} is delivered, and no receiver answered 2xx.`)
    return
  }
  if (!history.run.drains || ['pending', 'claimed'].includes(intent.state)) return
  // After a lost answer the request is repeated, and the last answer counts.
  const last = made.at(-1)
  if (answered !== undefined && last === answered && !wasAffected(history))
    findings.violated('I3', `${name} was answered ${answered.status} at ${formatTime(answered.at)}, and its row is ${intent.state}.`)
}

function wasAffected(history: ParsedHistory): boolean {
  return history.faults.some(({ affects }) => affects.includes('webhook'))
}

function of(made: readonly Call[]): string {
  return `A request of ${formatTime(made[0]?.at ?? 0)} to ${made[0]?.path ?? ''}`
}
