import type { GroupLagReport, PartitionReport } from '../lag/lag-report.ts'
import { roughly } from '../lag/lag-verdict.ts'
import { startOf, workerctl, type Finding } from './finding.ts'
import type { GroupFacts } from './status-facts.ts'
import { stillSentence } from './still-sentence.ts'

/** A group that falls behind is reported when it is so late; seconds. */
const BEHIND_SECONDS = 60
const BUSY_INTENTS = 100
const BUSY_MS = 10_000

/** What keeps a group from reading its topic. `isExplained`: a server is to blame for what stands still. */
export function findGroupProblems(
  { name, group, topic, report, offsets, isMissing, isExpected }: GroupFacts,
  isExplained: boolean,
): readonly Finding[] {
  if (isMissing) return []
  const reset = (to: string, partitions: readonly number[] | null) =>
    workerctl(`offsets reset --group ${group}${partitions === null ? '' : ` --partition ${partitions.join(',')}`} --to ${to} --accept-loss`)
  if (offsets.some(({ state }) => state === 'topic-recreated')) {
    const sentence = `Topic ${topic} was recreated since ${group} read it: unread records of the old one are lost, and those of the new one have not been read.`
    return [{ kind: 'topic-recreated', sentence, command: reset('earliest', null) }]
  }
  const lost = offsets.filter(({ state }) => state === 'data-lost' || state === 'log-cut')
  const [first, ...more] = lost
  if (first !== undefined) {
    const where = more.length === 0 ? '' : `, and ${more.length} more ${more.length === 1 ? 'partition' : 'partitions'} lost records`
    const sentence = `Group ${group} has lost data of partition ${first.partition}: ${first.sentence ?? 'its log does not hold the progress row'}${where}.`
    return [{ kind: 'data-lost', sentence, command: reset('earliest', lost.map(({ partition }) => partition)) }] // prettier-ignore
  }
  return report === null ? [] : ofReport(report, name, { isExpected, isExplained })
}

function ofReport(
  report: GroupLagReport,
  name: string,
  { isExpected, isExplained }: { readonly isExpected: boolean; readonly isExplained: boolean },
): readonly Finding[] {
  const { group, members, lag, cause, verdict, secondsBehind, partitions } = report
  const lagCommand = workerctl(`lag --group ${group}`)
  if (members === 0) {
    if (!isExpected) return []
    const sentence = `No process runs ${group}, which is behind by ${lag ?? 'an unknown number of'} records.`
    return [{ kind: 'no-member', sentence, command: startOf(name) }]
  }
  const findings: Finding[] = []
  const orphans = partitions.filter(({ owner }) => owner === null).map(({ partition }) => partition)
  if (orphans.length > 0 && orphans.length < partitions.length) {
    const sentence = `No process of ${group} reads partition ${orphans.toSorted((a, b) => a - b).join(', ')}, although others run: an added one is noticed within about a minute, and one more process makes the group share them all again.`
    findings.push({ kind: 'no-member', sentence, command: startOf(name) })
  }
  // A group with so much to do may read nothing until it is done.
  const isBusy = (report.due ?? []).some(({ count, oldestMs }) => count >= BUSY_INTENTS || (oldestMs ?? 0) >= BUSY_MS)
  const isStuck = (one: PartitionReport) => one.stillSince !== null && !isBusy && !isExplained
  const stuck = partitions.filter((one) => one.word === 'stalled' || isStuck(one))
  const [first] = stuck
  if (first !== undefined) {
    const seconds = Math.max(...stuck.map((one) => one.secondsBehind))
    const next = first.next?.eventId ?? null
    const where = `partition ${stuck.map(({ partition }) => partition).toSorted((a, b) => a - b).join(', ')}` // prettier-ignore
    const still = stillSentence([report])
    const why = cause === null || (still !== null && cause.is === 'event') ? '' : ` ${cause.sentence}`
    const command = next === null ? lagCommand : workerctl(`timeline --event ${next}`)
    findings.push({
      kind: 'stalled',
      sentence: `${still ?? `Group ${group} reads nothing of ${where}; its oldest record is ${roughly(seconds * 1_000)} old.`}${why}`,
      command,
    })
  } else if (verdict.word === 'falling-behind' && (secondsBehind ?? 0) >= BEHIND_SECONDS) {
    const why = cause === null ? '' : ` ${cause.sentence}`
    const sentence = `Group ${group} falls behind: ${lag ?? 0} records, the oldest ${roughly((secondsBehind ?? 0) * 1_000)} old.${why}`
    const isLoad = cause === null || cause.is === 'load' || cause.is === 'backlog'
    findings.push({ kind: 'falling-behind', sentence, command: isLoad ? startOf(name) : lagCommand })
  }
  return findings
}
