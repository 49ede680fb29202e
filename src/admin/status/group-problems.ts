import { eventSentence } from '../lag/lag-cause.ts'
import type { GroupLagReport, PartitionReport } from '../lag/lag-report.ts'
import { roughly } from '../lag/lag-verdict.ts'
import { startOf, workerctl, type Problem } from './finding.ts'
import { isFull } from './full-channel.ts'
import type { GroupFacts, QuietProcess } from './status-facts.ts'
import { stillPartitions, stillSentence } from './still-sentence.ts'

/** A group that falls behind is reported when it is so late; seconds. */
const BEHIND_SECONDS = 60
const BUSY_MS = 10_000

/** What explains that a group stands still, and is reported by itself. */
interface Explained {
  /** A server is to blame. */
  readonly isExplained: boolean
  readonly quiet: readonly QuietProcess[]
}

/** What keeps a group from reading its topic. */
export function findGroupProblems(
  { name, group, topic, report, offsets, isMissing, isExpected }: GroupFacts,
  explained: Explained,
): readonly Problem[] {
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
  return report === null ? [] : ofReport(report, name, { isExpected, ...explained })
}

function ofReport(
  report: GroupLagReport,
  name: string,
  { isExpected, isExplained, quiet }: Explained & { readonly isExpected: boolean },
): readonly Problem[] {
  const { group, members, lag, cause, verdict, secondsBehind, partitions } = report
  const lagCommand = workerctl(`lag --group ${group}`)
  if (members === 0) {
    if (!isExpected) return []
    const sentence = `No process runs ${group}, which is behind by ${lag ?? 'an unknown number of'} records.`
    return [{ kind: 'no-member', sentence, command: startOf(name) }]
  }
  const findings: Problem[] = []
  const orphans = partitions.filter(({ owner }) => owner === null).map(({ partition }) => partition)
  if (orphans.length > 0 && orphans.length < partitions.length) {
    const sentence = `No process of ${group} reads partition ${orphans.toSorted((a, b) => a - b).join(', ')}, although others run: an added one is noticed within about a minute, and one more process makes the group share them all again.`
    findings.push({ kind: 'no-member', sentence, command: startOf(name, { beside: true }) })
  }
  // A group with so much to do reads nothing until it is done, which is a finding of its own.
  const isFilled = (report.due ?? []).some(isFull)
  const isBusy = isFilled || (report.due ?? []).some(({ oldestMs }) => (oldestMs ?? 0) >= BUSY_MS)
  const isStuck = (one: PartitionReport) => one.stillSince !== null && !isBusy && !isExplained
  const read = partitions.filter(({ owner }) => !quiet.some((one) => owner?.pid === one.pid && owner.host?.startsWith(one.host) === true))
  const stuck = read.filter((one) => (one.word === 'stalled' && !isFilled) || isStuck(one))
  // Sentence, owner and command are about one partition.
  const first = stillPartitions(stuck)[0] ?? stuck.find(({ next }) => next !== null) ?? stuck[0]
  if (first !== undefined) {
    const seconds = Math.max(...stuck.map((one) => one.secondsBehind))
    const { next } = first
    const where = `partition ${stuck.map(({ partition }) => partition).toSorted((a, b) => a - b).join(', ')}` // prettier-ignore
    const still = stillSentence([{ ...report, partitions: stuck }])
    const isOwner = cause === null || cause.is === 'load' || cause.is === 'backlog' || (still !== null && cause.is === 'event')
    const isEvent = cause?.is === 'event' && next !== null
    const event = isEvent ? eventSentence({ partition: first.partition, ...next }) : cause?.sentence
    const why = isOwner ? ownerSentence(first) : ` ${event}`
    const command = next === null || next.eventId === null ? lagCommand : workerctl(`timeline --event ${next.eventId}`)
    findings.push({
      kind: 'stalled',
      sentence: `${still ?? `Group ${group} reads nothing of ${where}; its oldest record is ${roughly(seconds * 1_000)} old.`}${why}`,
      command,
    })
  } else if (read.length === partitions.length && verdict.word === 'falling-behind' && (secondsBehind ?? 0) >= BEHIND_SECONDS) {
    const why = cause === null ? '' : ` ${cause.sentence}`
    const sentence = `Group ${group} falls behind: ${lag ?? 0} records, the oldest ${roughly((secondsBehind ?? 0) * 1_000)} old.${why}`
    const isLoad = cause === null || cause.is === 'load' || cause.is === 'backlog'
    findings.push({ kind: 'falling-behind', sentence, command: isLoad ? startOf(name, { beside: true }) : lagCommand })
  }
  return findings
}

/** Which process to look at. Empty when the member is none of ours. */
function ownerSentence({ owner }: PartitionReport): string {
  return owner === null || owner.pid === null ? '' : ` It belongs to process ${owner.pid} on ${owner.host ?? owner.address}.`
}
