import type { GroupTimeline } from './group-timeline.ts'
import type { ExpectedMail } from './expected-mails.ts'
import type { Findings } from './check-report.ts'
import type { ParsedHistory } from './parsed-history.ts'

/** An empty history proves nothing: where something had to be recorded, its absence is an error. */
export function checkCompleteness(
  history: ParsedHistory,
  timelines: readonly GroupTimeline[],
  expectedMails: ReadonlyMap<string, ExpectedMail>,
  findings: Findings,
): void {
  const need = (holds: boolean, sentence: string) => {
    findings.checked('history')
    if (!holds) findings.violated('history', sentence)
  }
  need(history.acked.length > 0, 'Nothing was acknowledged.')
  need(history.records.length > 0, 'The log holds no record.')
  need(
    history.processes.some(({ event }) => event === 'started'),
    'No process was started.',
  )
  need(history.seedData.campaigns.length > 0, 'There is no campaign.')
  for (const { group, partitions } of timelines) {
    const entries = [...partitions.values()].reduce((sum, { length }) => sum + length, 0)
    if (entries === 0 || !history.run.drains) continue
    need(
      history.commits.some((commit) => commit.group === group),
      `${group} handled ${entries} records, and the log of commits holds none of its commits.`,
    )
    need(
      history.rows.progress.some((row) => row.group === group),
      `${group} handled ${entries} records, and has no progress row.`,
    )
    need(
      history.offsetSamples.some((sample) => sample.group === group && sample.when !== 'running'),
      `No offsets of ${group} at rest were read.`,
    )
    for (const partition of partitions.keys()) {
      const row = history.rows.progress.find((row) => row.group === group && row.partition === partition && row.topic === history.run.topic)
      need(row !== undefined, `${group} handled records of partition ${partition}, and has no progress row there.`)
    }
  }
  for (const group of unnamedGroups(history))
    need(false, `${group} has written rows, and the run does not name it: its rows would not be checked.`)
  const sent = [...expectedMails.values()].filter(({ intent }) => intent?.channel === 'email' && intent.state === 'sent').length
  need(sent === 0 || history.mails.length > 0, `${sent} mails are sent, and the relay took none.`)
  if (history.run.drains)
    need(
      timelines.some(({ accepted }) => accepted.size > 0),
      'No group accepted any event.',
    )
}

/** Groups that have rows in the history and are not named by the run. */
function unnamedGroups({ run, rows }: ParsedHistory): ReadonlySet<string> {
  const found = new Set([...rows.outcomes, ...rows.intents, ...rows.progress, ...rows.deadLetters].map(({ group }) => group))
  for (const { id } of run.groups) found.delete(id)
  return found
}
