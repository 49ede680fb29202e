import { coversGroup, pausedWork, pauseTerms, type Pause, type PauseTarget } from '../../model/pause.ts'
import { eventText, hotCampaignOf, hotSentence, lockSentence } from '../lag/lag-cause.ts'
import { roughly } from '../lag/lag-verdict.ts'
import type { GroupLagReport, PartitionReport } from '../lag/lag-report.ts'
import { findFailedWork } from './failed-work.ts'
import type { GroupFacts, StatusFacts } from './status-facts.ts'

/** What may be wrong, worst first; docs/guide/workerctl.md explains each. */
export const findingKinds = [
  'database-away',
  'kafka-away',
  'schema',
  'topic-missing',
  'topic-recreated',
  'data-lost',
  'no-member',
  'statement-blocked',
  'database-slow',
  'campaign-hot',
  'stalled',
  'destination-away',
  'work-abandoned',
  'dead-letter-flood',
  'intents-late',
  'falling-behind',
  'endpoint-away',
  'paused',
  'outbox-late',
  'outbox-failed',
  'recalculation-slow',
  'statement-slow',
  'mails-held',
  'intents-dead',
  'dead-letters',
] as const

export interface Finding {
  readonly kind: (typeof findingKinds)[number]
  /** What is wrong, with the cause where it is known. */
  readonly sentence: string
  /** The command that fixes it, or shows what to decide. */
  readonly command: string
}

/** Intents due for so long are late; seconds. */
const LATE_SECONDS = 120
/** A group that falls behind is reported when it is so late; seconds. */
const BEHIND_SECONDS = 60
/** A campaign that fills a channel is reported when what is due there has waited for so long; milliseconds. */
const HOT_MS = 15_000
/** Rows of the outbox are published within a second or so. */
const OUTBOX_SECONDS = 60
const BLOCKED_MS = 1_000
const SLOW_MS = 5_000
/** Accepts take some milliseconds; deliveries include recalculations, which may take seconds. */
const SLOW_ACCEPT_MS = 2_000
const SLOW_ROUND_TRIP_MS = 250
const BUSY_INTENTS = 100
const BUSY_MS = 10_000
const ACCEPT = 'kafka-worker accept'

/** Everything that is wrong, the worst first. Without findings nothing is. */
export function findProblems(facts: StatusFacts): readonly Finding[] {
  const servers = ofServers(facts)
  const isExplained = servers.some(({ kind }) => kind === 'statement-blocked' || kind === 'database-slow')
  const groups = facts.groups.flatMap((group) => ofGroup(group, isExplained))
  const found = [...servers, ...groups, ...ofDestinations(facts), ...ofWork(facts)]
  return found.toSorted((one, other) => findingKinds.indexOf(one.kind) - findingKinds.indexOf(other.kind))
}

function ofServers({ database, schema, kafka, groups, ...facts }: StatusFacts): readonly Finding[] {
  const findings: Finding[] = []
  if (database !== null) findings.push({ kind: 'database-away', sentence: database, command: workerctl('doctor --only database') })
  if (kafka !== null) findings.push({ kind: 'kafka-away', sentence: kafka, command: workerctl('doctor --only login') })
  if (schema !== null) {
    const isOld = schema.includes('workerctl -- migrate')
    findings.push({ kind: 'schema', sentence: schema, command: workerctl(isOld ? 'migrate' : 'doctor --only rights') })
  }
  const missing = [...new Set(groups.filter(({ isMissing }) => isMissing).map(({ topic }) => topic))]
  if (missing.length > 0) {
    const sentence = `Topic ${missing.join(', ')} does not exist on these brokers.`
    findings.push({ kind: 'topic-missing', sentence, command: workerctl('topics apply') })
  }
  return [...findings, ...ofBlocked({ ...facts, groups }), ...ofSlow({ ...facts, groups })]
}

/** The longest wait for a lock, with the events that stand still meanwhile. */
function ofBlocked({ blocked, groups }: Pick<StatusFacts, 'blocked' | 'groups'>): readonly Finding[] {
  const still = stillSentence(reportsOf(groups))
  const held = blocked.filter(({ pid, forMs }) => (pid === null ? still !== null : forMs === null || forMs >= BLOCKED_MS))
  const [longest, ...others] = [...new Map(held.map((one) => [one.pid ?? -one.by.pid, one])).values()].toSorted(
    (one, other) => (other.forMs ?? 0) - (one.forMs ?? 0),
  )
  if (longest === undefined) return []
  const more = others.length === 0 ? '' : ` ${others.length} more wait for a lock.`
  const isAccept = longest.pid === null || held.some(({ application }) => application === ACCEPT)
  const sentence = `${lockSentence(longest)}${more}${isAccept && still !== null ? ` ${still}` : ''}`
  return [{ kind: 'statement-blocked', sentence, command: `psql -c 'SELECT pg_terminate_backend(${longest.by.pid})'` }]
}

/** The slowest statement, or a slow way to the database. An accept that is slow delays every event, others may just have much to do. */
function ofSlow({ slow, roundTripMs, groups }: Pick<StatusFacts, 'slow' | 'roundTripMs' | 'groups'>): readonly Finding[] {
  const accept = slow.find(({ application, forMs }) => application === ACCEPT && forMs >= SLOW_ACCEPT_MS)
  const slowest = accept ?? slow.find(({ forMs }) => forMs >= SLOW_MS)
  const findings: Finding[] = []
  if (roundTripMs !== null && roundTripMs >= SLOW_ROUND_TRIP_MS) {
    const sentence = `The database is slow: a round trip to it takes ${Math.round(roundTripMs)} ms from here, and every statement at least as long.`
    findings.push({ kind: 'database-slow', sentence, command: "psql -c 'SELECT * FROM pg_stat_activity'" })
  }
  if (slowest !== undefined) {
    const { statement, application, pid, forMs } = slowest
    const still = accept === undefined ? null : stillSentence(reportsOf(groups))
    findings.push({
      kind: accept === undefined ? 'statement-slow' : 'database-slow',
      sentence: `The database has worked for ${roughly(forMs)} on ${statement ?? 'a statement'} of "${application}" (pid ${pid}).${still === null ? '' : ` ${still}`}`,
      command: `psql -c 'SELECT * FROM pg_stat_activity WHERE pid = ${pid}'`,
    })
  }
  return findings
}

function reportsOf(groups: readonly GroupFacts[]): readonly GroupLagReport[] {
  return groups.flatMap(({ report }) => report ?? [])
}

/** The next event of the partition that has stood still for longest, and how many others do; null when none does. */
function stillSentence(reports: readonly GroupLagReport[]): string | null {
  const still = reports.flatMap(({ group, partitions }) =>
    partitions.flatMap(({ partition, next, stillSince }) =>
      next === null || stillSince === null ? [] : [{ group, partition, ...next, since: stillSince }],
    ),
  )
  const [first, ...others] = still.toSorted((one, other) => one.since.getTime() - other.since.getTime())
  if (first === undefined) return null
  const more = others.length === 0 ? '' : `, and ${others.length} more ${others.length === 1 ? 'partition' : 'partitions'}`
  return `${first.group} has stood still since ${first.since.toISOString()} at ${eventText(first)}${more}.`
}

function ofGroup({ name, group, topic, report, offsets, isMissing, isExpected }: GroupFacts, isExplained: boolean): readonly Finding[] {
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
  const isStuck = (one: PartitionReport) => one.stillSince !== null && one.owner !== null && !isBusy && !isExplained
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

function ofDestinations({ groups, channels, pauses }: StatusFacts): readonly Finding[] {
  const findings: Finding[] = []
  const away = groups.flatMap(({ report }) => report?.away ?? [])
  for (const same of Map.groupBy(away, ({ channel, destination }) => `${channel} ${destination}`).values()) {
    for (const { channel, destination, reason, since } of same.slice(0, 1)) {
      const words = channels.find(({ name }) => name === channel)
      if (words === undefined) continue
      const waiting = same.reduce((sum, one) => sum + one.waiting, 0)
      const why = `${reason ?? 'unavailable'}, since ${since.toISOString()}`
      if (words.sole === destination) {
        const sentence = `The ${words.destination} accepts no ${words.deliveries} (${why}): ${wayOut(reason)}`
        findings.push({ kind: 'destination-away', sentence, command: workerctl('doctor --only smtp') })
      } else {
        const count = waiting === 0 ? '' : ` ${waiting} ${words.deliveries} wait for it.`
        const sentence = `${capital(words.destination)} ${destination} accepts no ${words.deliveries} (${why}); its owner must fix it.${count}`
        findings.push({ kind: 'endpoint-away', sentence, command: workerctl(`intents list --destination ${destination}`) })
      }
    }
  }
  for (const pause of pauses) {
    findings.push({
      kind: 'paused',
      sentence: `The ${pausedWork(pause)} is ${pauseTerms(pause)}, since ${pause.since.toISOString()}.`,
      command: workerctl(resumeCommand(pause)),
    })
  }
  return findings
}

/** Ends exactly this pause. */
function resumeCommand({ scope, target, group }: PauseTarget): string {
  if (scope === 'group') return `resume group ${target} --owner NAME`
  if (scope === 'partition') return `resume partition ${group} ${target} --owner NAME`
  return `resume ${scope} ${target}${group === null ? '' : ` --group ${group}`} --owner NAME`
}

function ofWork({ groups, work, outbox, pauses, channels, ...facts }: StatusFacts): readonly Finding[] {
  const findings: Finding[] = []
  for (const { report } of groups) {
    if (report === null) continue
    const due = (report.due ?? []).filter(({ channel }) => !isPaused(pauses, report.group, channel))
    findings.push(...ofHotCampaign({ ...report, due }, channels))
    const late = due.filter(({ oldestMs }) => (oldestMs ?? 0) >= LATE_SECONDS * 1_000)
    for (const { channel, count, oldestMs } of late) {
      const why = report.cause === null || report.verdict.word === 'ok' ? '' : ` ${report.cause.sentence}`
      const sentence = `${count} intents of ${report.group} in channel ${channel} are due, the oldest for ${roughly(oldestMs ?? 0)}.${why}`
      findings.push({ kind: 'intents-late', sentence, command: workerctl(`intents list --group ${report.group} --state pending`) })
    }
    for (const { campaignId, tries } of report.slow) {
      const sentence = `The recalculation of campaign ${campaignId} takes too long: ${tries} ${tries === 1 ? 'try' : 'tries'} in a row failed.`
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
  return [...findings, ...findFailedWork(facts).map((found) => ({ ...found, command: workerctl(found.command) }))]
}

/** A campaign whose due work keeps others waiting, while its destination accepts what a worker sends. */
function ofHotCampaign({ group, members, lag, due, away }: GroupLagReport, channels: StatusFacts['channels']): readonly Finding[] {
  const hot = members === 0 ? null : hotCampaignOf(due ?? [])
  if (hot === null || (hot.work.oldestMs ?? 0) < HOT_MS) return []
  const { campaignId, work } = hot
  const sole = channels.find(({ name }) => name === work.channel)?.sole ?? null
  if (sole !== null && away.some(({ channel, destination }) => channel === work.channel && destination === sole)) return []
  const isAlone = work.campaignCount < 2 && (lag ?? 0n) === 0n
  if (isAlone) return []
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

/** By the reason for which the relay is away. */
function wayOut(reason: string | null): string {
  if (reason === 'relay-credentials-refused') return 'it refuses the login; correct user and password in SMTP_URL, and restart.'
  if (reason === 'relay-tls-failed') return 'TLS fails; check its certificate and SMTP_URL.'
  if (reason === 'relay-refuses-us') return 'it refuses us as a sender; its own log says why.'
  return 'check SMTP_URL and that it runs; mails stay queued, and are sent once it answers.'
}

function workerctl(command: string): string {
  return `npm run workerctl -- ${command}`
}

function startOf(name: string): string {
  return `KAFKA_GROUPS=${name} npm start`
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
