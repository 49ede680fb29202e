import type { Ledger } from './ledger.ts'
import type { PlannedMail } from './mail-plan.ts'
import type { Findings } from './verdict.ts'
import type { WholeHistory } from './whole-history.ts'

/** A history that shows nothing proves nothing: where something was to be seen, its absence is an error. */
export function judgeWholeness(
  history: WholeHistory,
  ledgers: readonly Ledger[],
  plan: ReadonlyMap<string, PlannedMail>,
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
  need(history.setting.campaigns.length > 0, 'There is no campaign.')
  for (const { group, partitions } of ledgers) {
    const entries = [...partitions.values()].reduce((sum, { length }) => sum + length, 0)
    if (entries === 0 || !history.run.settles) continue
    need(
      history.commits.some((commit) => commit.group === group),
      `${group} handled ${entries} records, and the log of commits holds none of its commits.`,
    )
    need(
      history.rows.progress.some((row) => row.group === group),
      `${group} handled ${entries} records, and has no progress row.`,
    )
    need(
      history.positions.some((sample) => sample.group === group && sample.when !== 'running'),
      `Of ${group} no positions at rest were read.`,
    )
    for (const partition of partitions.keys()) {
      const row = history.rows.progress.find((row) => row.group === group && row.partition === partition && row.topic === history.run.topic)
      need(row !== undefined, `${group} handled records of partition ${partition}, and has no progress row there.`)
    }
  }
  for (const group of unnamedGroups(history))
    need(false, `${group} has written rows, and the run does not name it: nothing of it would be judged.`)
  const sent = [...plan.values()].filter(({ intent }) => intent?.channel === 'email' && intent.state === 'sent').length
  need(sent === 0 || history.mails.length > 0, `${sent} mails are sent, and the relay took none.`)
  if (history.run.settles)
    need(
      ledgers.some(({ accepted }) => accepted.size > 0),
      'No group accepted any event.',
    )
}

/** Groups whose rows stand in the history, and of which the run promises nothing. */
function unnamedGroups({ run, rows }: WholeHistory): ReadonlySet<string> {
  const found = new Set([...rows.outcomes, ...rows.intents, ...rows.progress, ...rows.deadLetters].map(({ group }) => group))
  for (const { id } of run.groups) found.delete(id)
  return found
}
