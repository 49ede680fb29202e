import { wasRevoked } from './final-states.ts'
import { otherDeliveries, type RewardDelivery } from './i3-webhook.ts'
import type { ExpectedMail } from './expected-mails.ts'
import { NO_REWARD, type Intent, type UserReward } from './rows.ts'
import type { Findings } from './check-report.ts'
import { isLostTime, wasSetBack, type ParsedHistory } from './parsed-history.ts'
import type { PlatformState } from './platform-state.ts'

/** Rows and counters of the platform equal what the events require, however often an attempt was repeated. */
export function checkDatabase(
  history: ParsedHistory,
  parts: {
    readonly platform: PlatformState
    readonly rewardDeliveries: readonly RewardDelivery[]
    readonly expectedMails: ReadonlyMap<string, ExpectedMail>
  },
  findings: Findings,
): void {
  checkEmailLogs(history, [...parts.expectedMails.values()], findings)
  checkCodes(history, parts.platform, findings)
  checkDeliveries(history, parts.rewardDeliveries, findings)
  checkRewards(history, parts.platform, parts.rewardDeliveries, findings)
}

const platformTypes: ReadonlySet<string> = new Set(['verification', 'welcome', 'position_update', 'reward_earned', 'milestone'])

/** Per person and type there are as many rows as composed mails, and as many of them sent. */
function checkEmailLogs(history: ParsedHistory, expectedMails: readonly ExpectedMail[], findings: Findings): void {
  const due = new Map<string, { rows: number; sent: number }>()
  const of = (key: string) => {
    const row = due.get(key) ?? { rows: 0, sent: 0 }
    due.set(key, row)
    return row
  }
  for (const { intent, type, userId } of expectedMails) {
    if (intent === null || intent.channel !== 'email') continue
    const row = of(`${platformTypes.has(type) ? type : 'custom'} ${userId}`)
    // A mail that is rejected before it is composed has a row that says so.
    if (intent.frozen || intent.state === 'rejected') row.rows += 1
    if (intent.state === 'sent') row.sent += 1
  }
  for (const { type, userId, status } of history.rows.emailLogs) {
    const row = of(`${type} ${userId ?? 'nobody'}`)
    row.rows -= 1
    // The platform sets delivered, opened, clicked and bounced on mails that were sent.
    if (status !== 'pending' && status !== 'failed') row.sent -= 1
  }
  for (const [key, { rows, sent }] of due) {
    findings.checked('I4')
    if (rows !== 0) findings.violated('I4', `email_logs holds ${Math.abs(rows)} ${rows < 0 ? 'too many' : 'too few'} of ${key}.`)
    if (sent !== 0) findings.violated('I4', `email_logs calls ${Math.abs(sent)} ${sent < 0 ? 'too many' : 'too few'} of ${key} sent.`)
  }
}

function checkCodes(history: ParsedHistory, platform: PlatformState, findings: Findings): void {
  const assigned = new Set<string>()
  const owners = new Set<string>()
  const rewards = new Map(history.rows.rewards.map((reward) => [reward.id, reward]))
  for (const { campaignId, code, userRewardId } of history.rows.codes) {
    findings.checked('I4')
    if (assigned.has(`${campaignId} ${code}`))
      findings.violated('I4', `A code of campaign ${campaignId} was given out twice, the second time to ${userRewardId}.`)
    assigned.add(`${campaignId} ${code}`)
    if (owners.has(userRewardId)) findings.violated('I4', `Reward ${userRewardId} was given more than one code.`)
    owners.add(userRewardId)
    const grant = platform.grants.get(userRewardId)
    if (grant === undefined || platform.rewards.get(grant.rewardId)?.hasCode !== true)
      findings.violated('I4', `Reward ${userRewardId} has a code, and needs none.`)
    if (rewards.get(userRewardId)?.code !== code)
      findings.violated('I4', `Reward ${userRewardId} does not hold the code that was reserved for it.`)
  }
  const seen = new Map<string, string>()
  for (const { id, code, attempts } of history.rows.rewards) {
    const grant = platform.grants.get(id)
    if (grant === undefined || platform.rewards.get(grant.rewardId)?.hasCode !== true) continue
    findings.checked('I4')
    if (attempts > 0 && !owners.has(id)) findings.violated('I4', `Reward ${id} was delivered without a code.`)
    if (code === null) continue
    const other = seen.get(code)
    if (other !== undefined && sameCampaign(platform, other, id)) findings.violated('I4', `Rewards ${other} and ${id} hold the same code.`)
    seen.set(code, id)
  }
}

function sameCampaign(platform: PlatformState, one: string, other: string): boolean {
  const campaignOf = (id: string) => platform.rewards.get(platform.grants.get(id)?.rewardId ?? '')?.campaignId
  return campaignOf(one) === campaignOf(other)
}

/** Each delivery by webhook that was started has one row with its state. */
function checkDeliveries(history: ParsedHistory, rewardDeliveries: readonly RewardDelivery[], findings: Findings): void {
  const rows = Map.groupBy(history.rows.deliveries, ({ userRewardId }) => userRewardId)
  for (const { userRewardId, intent, method } of rewardDeliveries) {
    if (method !== 'webhook') continue
    findings.checked('I4')
    const found = rows.get(userRewardId) ?? []
    rows.delete(userRewardId)
    const due = intent.frozen ? 1 : 0
    if (found.length !== due)
      findings.violated('I4', `webhook_deliveries holds ${found.length} rows of reward ${userRewardId}, and ${due} is due.`)
    const [row] = found
    if (row !== undefined && (row.status === 'success') !== (intent.state === 'delivered'))
      findings.violated('I4', `webhook_deliveries has ${row.status} for reward ${userRewardId}, whose intent is ${intent.state}.`)
  }
  const others = otherDeliveries(history, rewardDeliveries).filter(({ frozen }) => frozen).length
  const found = rows.get(NO_REWARD)?.length ?? 0
  rows.delete(NO_REWARD)
  if (found !== others)
    findings.violated('I4', `webhook_deliveries holds ${found} rows of deliveries of anything but rewards, and ${others} are due.`)
  for (const [id, strays] of rows)
    findings.violated('I4', `webhook_deliveries holds ${strays.length} rows of ${id}, which no delivery explains.`)
}

function checkRewards(
  history: ParsedHistory,
  platform: PlatformState,
  rewardDeliveries: readonly RewardDelivery[],
  findings: Findings,
): void {
  const byId = new Map(rewardDeliveries.map((delivery) => [delivery.userRewardId, delivery]))
  const calls = Map.groupBy(history.calls, ({ id }) => id)
  const rows = new Map<string, UserReward>()
  for (const reward of history.rows.rewards) {
    findings.checked('I4')
    rows.set(reward.id, reward)
    const delivery = byId.get(reward.id)
    if (delivery === undefined) {
      if (reward.attempts > 0 || reward.status === 'delivered')
        findings.violated(
          'I4',
          `Reward ${reward.id} is ${reward.status} after ${reward.attempts} attempts, and no accepted event names it.`,
        )
      continue
    }
    const { intent } = delivery
    const isDone = intent.state === 'sent' || intent.state === 'delivered'
    if (isDone !== (reward.status === 'delivered') && !(isDone && wasRevoked(delivery.purpose)))
      findings.violated('I4', `Reward ${reward.id} is ${reward.status}, and its intent is ${intent.state}.`)
    if ((reward.status === 'delivered') !== (reward.deliveredAt !== null))
      findings.violated('I4', `Reward ${reward.id} is ${reward.status}, which delivered_at contradicts.`)
    checkAttempts(history, reward, intent, intent.webhookId === null ? [] : (calls.get(intent.webhookId) ?? []), findings)
  }
  for (const id of platform.grants.keys())
    if (!rows.has(id)) findings.violated('I4', `Reward ${id} was granted, and its row is not in the history.`)
}

/** Every start is counted and has a claim, and every request was started. */
function checkAttempts(
  history: ParsedHistory,
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
