import { wasRevoked } from './endings.ts'
import { otherDeliveries, type RewardDuty } from './i3-webhook.ts'
import type { PlannedMail } from './mail-plan.ts'
import { NO_REWARD, type Intent, type UserReward } from './rows.ts'
import type { Findings } from './verdict.ts'
import { isLostTime, wasSetBack, type WholeHistory } from './whole-history.ts'
import type { World } from './world.ts'

/** Rows and counters of the platform equal what the events ask for, whatever was tried more than once. */
export function judgeDatabase(
  history: WholeHistory,
  parts: {
    readonly world: World
    readonly duties: readonly RewardDuty[]
    readonly plan: ReadonlyMap<string, PlannedMail>
  },
  findings: Findings,
): void {
  judgeEmailLogs(history, [...parts.plan.values()], findings)
  judgeCodes(history, parts.world, findings)
  judgeDeliveries(history, parts.duties, findings)
  judgeRewards(history, parts.world, parts.duties, findings)
}

const platformTypes: ReadonlySet<string> = new Set(['verification', 'welcome', 'position_update', 'reward_earned', 'milestone'])

/** Per person and type as many rows as mails were handed over, and as many of them sent. */
function judgeEmailLogs(history: WholeHistory, plan: readonly PlannedMail[], findings: Findings): void {
  const due = new Map<string, { rows: number; sent: number }>()
  const of = (place: string) => {
    const one = due.get(place) ?? { rows: 0, sent: 0 }
    due.set(place, one)
    return one
  }
  for (const { intent, type, userId } of plan) {
    if (intent === null || intent.channel !== 'email') continue
    const one = of(`${platformTypes.has(type) ? type : 'custom'} ${userId}`)
    // What is refused before anything was frozen has a row that says so.
    if (intent.frozen || intent.state === 'rejected') one.rows += 1
    if (intent.state === 'sent') one.sent += 1
  }
  for (const { type, userId, status } of history.rows.emailLogs) {
    const one = of(`${type} ${userId ?? 'nobody'}`)
    one.rows -= 1
    // Delivered, opened, clicked and bounced are the platform's word for what was sent.
    if (status !== 'pending' && status !== 'failed') one.sent -= 1
  }
  for (const [place, { rows, sent }] of due) {
    findings.checked('I4')
    if (rows !== 0) findings.violated('I4', `email_logs holds ${Math.abs(rows)} ${rows < 0 ? 'too many' : 'too few'} of ${place}.`)
    if (sent !== 0) findings.violated('I4', `email_logs calls ${Math.abs(sent)} ${sent < 0 ? 'too many' : 'too few'} of ${place} sent.`)
  }
}

function judgeCodes(history: WholeHistory, world: World, findings: Findings): void {
  const places = new Set<string>()
  const owners = new Set<string>()
  const rewards = new Map(history.rows.rewards.map((reward) => [reward.id, reward]))
  for (const { campaignId, code, userRewardId } of history.rows.codes) {
    findings.checked('I4')
    if (places.has(`${campaignId} ${code}`))
      findings.violated('I4', `A code of campaign ${campaignId} was given out twice, the second time to ${userRewardId}.`)
    places.add(`${campaignId} ${code}`)
    if (owners.has(userRewardId)) findings.violated('I4', `Reward ${userRewardId} was given more than one code.`)
    owners.add(userRewardId)
    const grant = world.grants.get(userRewardId)
    if (grant === undefined || world.rewards.get(grant.rewardId)?.hasCode !== true)
      findings.violated('I4', `Reward ${userRewardId} has a code, and needs none.`)
    if (rewards.get(userRewardId)?.code !== code)
      findings.violated('I4', `Reward ${userRewardId} does not hold the code that was reserved for it.`)
  }
  const seen = new Map<string, string>()
  for (const { id, code, attempts } of history.rows.rewards) {
    const grant = world.grants.get(id)
    if (grant === undefined || world.rewards.get(grant.rewardId)?.hasCode !== true) continue
    findings.checked('I4')
    if (attempts > 0 && !owners.has(id)) findings.violated('I4', `Reward ${id} was handed over without a code.`)
    if (code === null) continue
    const other = seen.get(code)
    if (other !== undefined && sameCampaign(world, other, id)) findings.violated('I4', `Rewards ${other} and ${id} hold the same code.`)
    seen.set(code, id)
  }
}

function sameCampaign(world: World, one: string, other: string): boolean {
  const campaignOf = (id: string) => world.rewards.get(world.grants.get(id)?.rewardId ?? '')?.campaignId
  return campaignOf(one) === campaignOf(other)
}

/** One row per delivery by webhook that was started, as far as it got. */
function judgeDeliveries(history: WholeHistory, duties: readonly RewardDuty[], findings: Findings): void {
  const rows = Map.groupBy(history.rows.deliveries, ({ userRewardId }) => userRewardId)
  for (const { userRewardId, intent, method } of duties) {
    if (method !== 'webhook') continue
    findings.checked('I4')
    const found = rows.get(userRewardId) ?? []
    rows.delete(userRewardId)
    const due = intent.frozen ? 1 : 0
    if (found.length !== due)
      findings.violated('I4', `webhook_deliveries holds ${found.length} rows of reward ${userRewardId}, and ${due} is due.`)
    const [row] = found
    if (row !== undefined && (row.status === 'success') !== (intent.state === 'delivered'))
      findings.violated('I4', `webhook_deliveries says ${row.status} of reward ${userRewardId}, whose intent is ${intent.state}.`)
  }
  const others = otherDeliveries(history, duties).filter(({ frozen }) => frozen).length
  const found = rows.get(NO_REWARD)?.length ?? 0
  rows.delete(NO_REWARD)
  if (found !== others)
    findings.violated('I4', `webhook_deliveries holds ${found} rows of deliveries that are no rewards, and ${others} are due.`)
  for (const [id, strays] of rows)
    findings.violated('I4', `webhook_deliveries holds ${strays.length} rows of ${id}, which nobody was to deliver.`)
}

function judgeRewards(history: WholeHistory, world: World, duties: readonly RewardDuty[], findings: Findings): void {
  const byId = new Map(duties.map((duty) => [duty.userRewardId, duty]))
  const calls = Map.groupBy(history.calls, ({ id }) => id)
  const rows = new Map<string, UserReward>()
  for (const reward of history.rows.rewards) {
    findings.checked('I4')
    rows.set(reward.id, reward)
    const duty = byId.get(reward.id)
    if (duty === undefined) {
      if (reward.attempts > 0 || reward.status === 'delivered')
        findings.violated(
          'I4',
          `Reward ${reward.id} is ${reward.status} after ${reward.attempts} attempts, and no accepted event names it.`,
        )
      continue
    }
    const { intent } = duty
    const isDone = intent.state === 'sent' || intent.state === 'delivered'
    if (isDone !== (reward.status === 'delivered') && !(isDone && wasRevoked(duty.purpose)))
      findings.violated('I4', `Reward ${reward.id} is ${reward.status}, and its intent is ${intent.state}.`)
    if ((reward.status === 'delivered') !== (reward.deliveredAt !== null))
      findings.violated('I4', `Reward ${reward.id} is ${reward.status}, and delivered_at says otherwise.`)
    judgeAttempts(history, reward, intent, intent.webhookId === null ? [] : (calls.get(intent.webhookId) ?? []), findings)
  }
  for (const id of world.grants.keys())
    if (!rows.has(id)) findings.violated('I4', `Reward ${id} was granted, and its row is not in the history.`)
}

/** Every start is counted, and every start has a claim; what went out was started. */
function judgeAttempts(
  history: WholeHistory,
  reward: UserReward,
  intent: Intent,
  calls: readonly { at: number }[],
  findings: Findings,
): void {
  const counted = calls.filter(({ at }) => !isLostTime(history, at)).length
  if (counted > reward.attempts)
    findings.violated('I4', `Reward ${reward.id} was sent ${counted} times on ${reward.attempts} counted attempts.`)
  if (reward.attempts > intent.claims && !wasSetBack(history))
    findings.violated('I4', `Reward ${reward.id} counts ${reward.attempts} attempts on ${intent.claims} claims.`)
  if (reward.attempts < intent.attempt)
    findings.violated('I4', `Reward ${reward.id} counts ${reward.attempts} attempts, and its intent ${intent.attempt}.`)
}
