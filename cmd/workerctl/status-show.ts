import type { Command } from 'commander'
import { roughly } from '../../src/admin/lag/lag-verdict.ts'
import { gatherFacts } from '../../src/admin/status/gather-facts.ts'
import { reportStatus, type StatusReport } from '../../src/admin/status/status-report.ts'
import { channelNames, channelWords } from '../../src/daemon/compose/channels.ts'
import { createStatusDatabase } from '../../src/infra/postgres/admin/postgres-status-database.ts'
import { countOutbox } from '../../src/outbox/postgres-outbox-counts.ts'
import { systemClock } from '../../src/std/clock.ts'
import { asSentence } from '../../src/std/failure.ts'
import { coloured } from './colour.ts'
import { configure, withDatabase, withKafka } from './connections.ts'
import { renderJson } from './render-json.ts'
import { renderTable } from './render-table.ts'
import type { Terminal } from './terminal.ts'
import { differenceFound } from './topics-wanted.ts'

/** The entries of the findings, by kind. */
const RUNBOOK = 'Runbook: docs/guide/runbook.md#findings-of-workerctl-status'

/** Paid once for each table that stays locked; all of them together still leave an answer within half a minute. */
const LOCK_TIMEOUT_MS = 2_000

const HELP = `
The first line is the worst thing that is wrong, with the command that fixes it or shows what to decide; the next lines are the rest in the
order of badness. Reads Kafka and the database, works beside running daemons and without any, and changes nothing. A server that does not answer is
the first line. Exit code 0 if nothing is wrong, 2 if something is.

Examples:
  npm run workerctl -- status
  npm run -s workerctl -- status --json`

export function addStatus(parent: Command, terminal: Terminal): void {
  parent
    .command('status')
    .description('say what is wrong, the worst first, and which command fixes it')
    .option('--json', 'print one JSON object')
    .addHelpText('after', HELP)
    .action(async ({ json }: { readonly json?: boolean }) => {
      const report = await read(terminal)
      if (json === true) terminal.out(renderJson(report))
      else show(report, terminal)
      if (!report.ok) throw differenceFound()
    })
}

async function read(terminal: Terminal): Promise<StatusReport> {
  const { config, groups } = configure(terminal)
  const scope = { groups, named: config.kafka.groups, channels: channelWords, clock: systemClock }
  const facts = await withDatabase(
    config,
    (opened) => {
      const counted = { channels: channelNames, countOutbox: (most: number) => countOutbox(opened.sql, most) }
      const database = createStatusDatabase(opened, counted)
      return gatherFacts({ database, withKafka: (work) => withKafka(config, work) }, scope)
    },
    { lockTimeoutMs: LOCK_TIMEOUT_MS },
  )
  return reportStatus(facts, systemClock.now())
}

function show({ ok, findings, groups }: StatusReport, terminal: Terminal): void {
  if (ok) terminal.out(coloured(terminal, 'Nothing is wrong.', 'good'))
  for (const { severity, sentence, command } of findings) {
    const [first = '', ...rest] = asSentence(sentence).split(' ')
    terminal.out(`${[coloured(terminal, first, severity), ...rest].join(' ')} Run: ${command}`)
  }
  if (!ok) terminal.out(`${RUNBOOK} (${[...new Set(findings.map(({ kind }) => kind))].join(', ')})`)
  const shown = groups.filter(({ verdict }) => verdict !== undefined)
  if (shown.length === 0) return
  terminal.out('')
  terminal.out(
    renderTable(
      ['GROUP', 'VERDICT', 'LAG', 'BEHIND', 'MEMBERS', 'DUE', 'OLDEST DUE', 'DEAD LETTERS (24 H)'],
      shown.map(({ group, verdict, lag, secondsBehind, members, due, oldestDueSeconds, deadLetters }) => [
        group,
        verdict?.word ?? null,
        lag ?? null,
        secondsBehind ? roughly(secondsBehind * 1_000) : null,
        members ?? null,
        due?.reduce((sum, { count }) => sum + count, 0) ?? null,
        oldestDueSeconds ? roughly(oldestDueSeconds * 1_000) : null,
        deadLetters,
      ]),
      terminal.columns,
      terminal,
    ),
  )
}
