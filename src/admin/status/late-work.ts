import { coversGroup, type Pause } from '../../model/pause.ts'
import { hotCampaignOf, hotSentence } from '../lag/lag-cause.ts'
import type { GroupLagReport } from '../lag/lag-report.ts'
import { roughly } from '../lag/lag-verdict.ts'
import { startOf, workerctl, type Problem } from './finding.ts'
import { isFull } from './full-channel.ts'
import type { StatusFacts } from './status-facts.ts'

/** Intents due for so long are late; seconds. */
const LATE_SECONDS = 120
/** A campaign that fills a channel is reported when what is due there has waited for so long; milliseconds. */
const HOT_MS = 15_000
/** A lag below is normal between two commits. */
const FLOOR_RECORDS = 10n
/** Rows of the outbox are published within a second or so. */
const OUTBOX_SECONDS = 60

/** Work that is late, held or left behind, and campaigns that keep others waiting. */
export function findLateWork({ groups, work, outbox, pauses, channels }: StatusFacts): readonly Problem[] {
  const findings: Problem[] = []
  for (const { report } of groups) {
    if (report === null) continue
    const due = (report.due ?? []).filter(({ channel }) => !isPaused(pauses, report.group, channel))
    findings.push(...ofHotCampaign({ ...report, due }, channels))
    const isStill = report.partitions.some(({ word }) => word === 'stalled')
    const late = due.filter((work) => (work.oldestMs ?? 0) >= LATE_SECONDS * 1_000 || (isStill && isFull(work)))
    for (const { channel, count, oldestMs } of late) {
      const isKnown = report.cause !== null && report.verdict.word !== 'ok' && report.cause.is !== 'event'
      const why = isKnown ? ` ${report.cause?.sentence}` : isStill ? ' The group reads nothing until they are done.' : ''
      const sentence = `${count} intents of ${report.group} in channel ${channel} are due, the oldest for ${roughly(oldestMs ?? 0)}.${why}`
      findings.push({ kind: 'intents-late', sentence, command: workerctl(`intents list --group ${report.group} --state pending`) })
    }
    for (const { campaignId, tries } of report.slow) {
      const sentence = `The recalculation of campaign ${campaignId} takes too long: ${tries === 1 ? '1 try' : `${tries} tries in a row`} failed.`
      findings.push({ kind: 'recalculation-slow', sentence, command: workerctl(`leaderboard audit --campaign ${campaignId} --repair`) })
    }
  }
  for (const { group, held, abandoned } of work) {
    if (abandoned > 0) {
      const sentence = `${abandoned} intents of ${group} are claimed by a worker that is gone, and no daemon takes them back.`
      findings.push({ kind: 'work-abandoned', sentence, command: startOf(groups.find((one) => one.group === group)?.name ?? group) })
    }
    if (held > 0) {
      const sentence = `${held} intents of ${group} are held until an operator decides whether they were sent.`
      findings.push({ kind: 'mails-held', sentence, command: workerctl(`intents list --group ${group} --state held`) })
    }
  }
  if (outbox !== null && outbox.oldestSeconds >= OUTBOX_SECONDS) {
    const sentence = `${outbox.due} events of the outbox wait to be published, the oldest for ${roughly(outbox.oldestSeconds * 1_000)}: no daemon with OUTBOX_RELAY=on publishes them.`
    findings.push({ kind: 'outbox-late', sentence, command: workerctl('outbox list') })
  }
  if (outbox !== null && outbox.failed > 0) {
    const sentence = `${outbox.failed} events of the outbox failed and wait until they are requeued.`
    findings.push({ kind: 'outbox-failed', sentence, command: workerctl('outbox list') })
  }
  return findings
}

/** A campaign whose due work keeps others waiting, while its destination accepts what a worker sends. */
function ofHotCampaign(
  { group, members, lag, due, away, partitions }: GroupLagReport,
  channels: StatusFacts['channels'],
): readonly Problem[] {
  const hot = members === 0 ? null : hotCampaignOf(due ?? [])
  if (hot === null || (hot.work.oldestMs ?? 0) < HOT_MS) return []
  const { campaignId, work } = hot
  const sole = channels.find(({ name }) => name === work.channel)?.sole ?? null
  if (sole !== null && away.some(({ channel, destination }) => channel === work.channel && destination === sole)) return []
  // A record or two are on their way at any time, and campaigns share the workers.
  if ((lag ?? 0n) <= FLOOR_RECORDS && partitions.every(({ stillSince }) => stillSince === null)) return []
  const unread = lag === null ? 'an unknown number of events are' : lag === 1n ? '1 event is' : `${lag} events are`
  const sentence = `${hotSentence(hot)} of ${group}, the oldest for ${roughly(work.oldestMs ?? 0)}, and ${unread} unread meanwhile: while it is paused, the others go on.`
  const command = workerctl(`pause campaign ${campaignId} --group ${group} --owner NAME --because hot --for 1h`)
  return [{ kind: 'campaign-hot', sentence, command }]
}

/** Whether an operator keeps these intents from being executed. */
function isPaused(pauses: readonly Pause[], group: string, channel: string): boolean {
  return pauses.some(
    (pause) => coversGroup(pause, group) && (pause.scope === 'group' || (pause.scope === 'channel' && pause.target === channel)),
  )
}
