import { compare } from './compare.ts'
import { deadLettersOn, findOut } from './found.ts'
import { expectedOf } from './reference-model.ts'
import { processFigures } from './process-figures.ts'
import type { Comparison } from './compare.ts'
import type { Progress } from './progress.ts'
import type { Session } from './session.ts'
import { untilSettled } from './settled.ts'

/** What `--once --json` prints. */
export interface Report extends Omit<Comparison, 'differences'> {
  readonly events: number
  readonly acknowledged: number
  /** Records that each group has not committed. */
  readonly lag: Readonly<Record<string, number>>
  /** From the first publication until all was done. */
  readonly seconds: number
  readonly eventsPerSecond: number
  readonly daemon: {
    /** From its start until it was ready. */
    readonly readySeconds: number
    readonly peakMegabytes: number | null
    readonly cpuSeconds: number | null
  }
}

export interface OnceOptions {
  readonly events: number
  readonly signal: AbortSignal
  readonly progress: Progress
}

/** Plays a story of so many events to its end, and judges it. */
export async function playOnce(session: Session, options: OnceOptions): Promise<{ report: Report; differences: readonly string[] }> {
  const { admin, database, servers, story, player, campaignIds, daemon } = session
  const steps = [...story.steps(options.events)]
  const expected = expectedOf(story.setting, steps, servers.groups)
  const deadBefore = await deadLettersOn(admin, servers)

  const { progress } = options
  progress.stage(`Publishing ${options.events} events`)
  await player.play(steps, options.signal)
  options.signal.throwIfAborted()
  progress.stage('Waiting', `${player.acknowledged} events are acknowledged, the daemon works them off`)
  const remaining = await untilSettled(
    { admin, sql: database.sql, servers, campaignIds },
    { deadlineMs: deadlineFor(options.events), signal: options.signal, onLook: progress.figure },
  )
  const seconds = (performance.now() - (player.firstSentAt ?? performance.now())) / 1000
  const figures = await processFigures(daemon.pid)

  const found = await findOut({ sql: database.sql, admin, servers, campaignIds, deadBefore })
  const { differences, ...comparison } = compare(expected, found)
  const report: Report = {
    events: expected.events,
    acknowledged: player.acknowledged,
    ...comparison,
    lag: remaining.lag,
    seconds: rounded(seconds),
    eventsPerSecond: Math.round(expected.events / seconds),
    daemon: { readySeconds: rounded(daemon.readyMs / 1000), ...figures },
  }
  const unacknowledged = expected.events - player.acknowledged
  return { report, differences: [...differences, ...(unacknowledged > 0 ? [`events: ${unacknowledged} were not acknowledged`] : [])] }
}

/** Two minutes, and a minute more for every 5,000 events: on a slow machine it may take long, but not for ever. */
function deadlineFor(events: number): number {
  return 120_000 + (events / 5_000) * 60_000
}

function rounded(seconds: number): number {
  return Math.round(seconds * 100) / 100
}

/** The report for a person. */
export function summaryOf({ report, differences }: { report: Report; differences: readonly string[] }): string {
  const { mails, rewards, positions, deadLetters, daemon } = report
  return [
    `${report.events} events in ${report.seconds} s (${report.eventsPerSecond} a second), ${report.acknowledged} acknowledged`,
    `  mails         ${mails.received} of ${mails.expected}, ${mails.duplicates} twice`,
    `  rewards       ${rewards.delivered} of ${rewards.expected}`,
    `  positions     ${positions.checked} checked, ${positions.wrong} wrong`,
    `  dead letters  ${deadLetters.found} of ${deadLetters.expected}`,
    `  daemon        ready after ${daemon.readySeconds} s, at most ${daemon.peakMegabytes ?? '?'} MB, ${daemon.cpuSeconds ?? '?'} s of processor time`,
    differences.length === 0 ? 'All is as the story says.' : 'It differs from the story.',
  ].join('\n')
}
