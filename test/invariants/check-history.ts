import { finalStatesOf } from './final-states.ts'
import { checkNoLoss } from './i1-no-loss.ts'
import { checkHealth } from './i10-health.ts'
import { checkIsolation } from './i11-isolation.ts'
import { checkSecrecy } from './i12-secrecy.ts'
import { checkMails } from './i2-mail-once.ts'
import { checkWebhooks, rewardDeliveriesOf } from './i3-webhook.ts'
import { checkCounts } from './i4-counts.ts'
import { checkDatabase } from './i4-database-once.ts'
import { checkOrder } from './i5-order.ts'
import { checkPositionMails } from './i5-position-mails.ts'
import { checkPositions } from './i6-positions.ts'
import { checkCommits } from './i7-commits.ts'
import { checkBounds, checkRecovery } from './i8-i9-bounds.ts'
import { groupTimelines } from './group-timeline.ts'
import { expectedMailsOf } from './expected-mails.ts'
import { createFindings, type CheckReport } from './check-report.ts'
import { parseHistory } from './parsed-history.ts'
import { checkCompleteness } from './history-completeness.ts'
import { platformStateOf } from './platform-state.ts'

/**
 * Checks the history in `folder` by an independent calculation: derives the expected effects from the log and the platform's changes,
 * and compares them with the rows, the commits and what the sinks received.
 *
 * @throws when there is no history, or it cannot be read to its end
 */
export async function checkHistory(folder: string): Promise<CheckReport> {
  const history = await parseHistory(folder)
  const findings = createFindings()
  for (const figure of ['lost', 'duplicates', 'doubledMails', 'ambiguousMails', 'secondCopies', 'mails', 'commits'])
    findings.count(figure, 0)
  const platform = platformStateOf(history.seedData, history.changes)
  const timelines = groupTimelines(history)
  const expectedMails = expectedMailsOf(history, platform, timelines)
  const finalStates = finalStatesOf(history, platform)
  const rewardDeliveries = rewardDeliveriesOf(history, platform, timelines)
  findings.set('events', history.acked.length)
  findings.set('records', history.records.length)
  findings.set('abortedRecords', history.aborted.length)
  findings.set('webhookCalls', history.calls.length)
  findings.set('kills', history.processes.filter(({ event, code }) => event === 'exited' && code === 'SIGKILL').length)

  checkCompleteness(history, timelines, expectedMails, findings)
  checkNoLoss(history, timelines, findings)
  checkMails(history, expectedMails, finalStates, findings)
  checkWebhooks(history, rewardDeliveries, finalStates, findings)
  checkDatabase(history, { platform, rewardDeliveries, expectedMails }, findings)
  checkCounts(history, timelines, findings)
  checkOrder(timelines, findings)
  checkPositionMails(history, platform, expectedMails, findings)
  checkPositions(history, platform, findings)
  checkCommits(history, timelines, findings)
  checkBounds(history, findings)
  checkRecovery(history, findings)
  checkHealth(history, findings)
  checkIsolation(history, timelines, findings)
  await checkSecrecy(history, findings)
  return findings.report(history.run)
}
