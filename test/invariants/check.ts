import { endingsOf } from './endings.ts'
import { judgeNoLoss } from './i1-no-loss.ts'
import { judgeHealth } from './i10-health.ts'
import { judgeIsolation } from './i11-isolation.ts'
import { judgeSecrecy } from './i12-secrecy.ts'
import { judgeMails } from './i2-mail-once.ts'
import { judgeWebhooks, rewardDuties } from './i3-webhook.ts'
import { judgeCounts } from './i4-counts.ts'
import { judgeDatabase } from './i4-database-once.ts'
import { judgeOrder } from './i5-order.ts'
import { judgePositionMails } from './i5-position-mails.ts'
import { judgePositions } from './i6-positions.ts'
import { judgeCommits } from './i7-commits.ts'
import { judgeBounds, judgeRecovery } from './i8-i9-bounds.ts'
import { ledgersOf } from './ledger.ts'
import { planMails } from './mail-plan.ts'
import { createFindings, type Verdict } from './verdict.ts'
import { wholeHistory } from './whole-history.ts'
import { judgeWholeness } from './wholeness.ts'
import { worldOf } from './world.ts'

/**
 * Judges the history in `folder` by an independent calculation: from the log and the platform's changes it follows what had to happen,
 * and holds against it the rows, the commits and what the sinks received.
 *
 * @throws when there is no history, or none that can be read to its end
 */
export async function checkHistory(folder: string): Promise<Verdict> {
  const history = await wholeHistory(folder)
  const findings = createFindings()
  for (const figure of ['lost', 'duplicates', 'doubledMails', 'ambiguousMails', 'secondCopies', 'mails', 'commits'])
    findings.count(figure, 0)
  const world = worldOf(history.setting, history.changes)
  const ledgers = ledgersOf(history)
  const plan = planMails(history, world, ledgers)
  const endings = endingsOf(history, world)
  const duties = rewardDuties(history, world, ledgers)
  findings.set('events', history.acked.length)
  findings.set('records', history.records.length)
  findings.set('abortedRecords', history.aborted.length)
  findings.set('webhookCalls', history.calls.length)
  findings.set('kills', history.processes.filter(({ event, code }) => event === 'exited' && code === 'SIGKILL').length)

  judgeWholeness(history, ledgers, plan, findings)
  judgeNoLoss(history, ledgers, findings)
  judgeMails(history, plan, endings, findings)
  judgeWebhooks(history, duties, endings, findings)
  judgeDatabase(history, { world, duties, plan }, findings)
  judgeCounts(history, ledgers, findings)
  judgeOrder(ledgers, findings)
  judgePositionMails(history, world, plan, findings)
  judgePositions(history, world, findings)
  judgeCommits(history, ledgers, findings)
  judgeBounds(history, findings)
  judgeRecovery(history, findings)
  judgeHealth(history, findings)
  judgeIsolation(history, ledgers, findings)
  await judgeSecrecy(history, findings)
  return findings.verdict(history.run)
}
