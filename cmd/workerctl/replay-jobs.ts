import type { Command } from 'commander'
import { moveReplay, type ReplayMove } from '../../src/admin/replay/replay-moves.ts'
import { comparisonSentences, differencesOf, unfinishedOf } from '../../src/admin/replay/replay-report.ts'
import type { ReplayAdmin, ReplayView } from '../../src/admin/replay/replay-admin.ts'
import { requireShowable } from '../../src/admin/showable-text.ts'
import { createReplayAdmin } from '../../src/infra/postgres/admin/postgres-replay-admin.ts'
import { checkSchema } from '../../src/infra/postgres/schema/schema-check.ts'
import { OperatorError } from '../../src/std/failure.ts'
import { coloured } from './colour.ts'
import { configure, WHOLE_TABLE_MS, withDatabase } from './connections.ts'
import { recordOutcome } from './intents-change.ts'
import { renderJson } from './render-json.ts'
import { renderTable } from './render-table.ts'
import type { Terminal } from './terminal.ts'
import { timeCell } from './time-cell.ts'
import { wholeNumber } from './whole-number.ts'

export function addReplayList(parent: Command, terminal: Terminal): void {
  parent
    .command('list')
    .description('list replays, newest first')
    .option('--limit <number>', 'how many', wholeNumber(1, 10_000), 20)
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExample:\n  npm run workerctl -- replay list --limit 5')
    .action(async ({ limit, json }: { readonly limit: number; readonly json?: boolean }) => {
      await withReplays(terminal, async (admin) => {
        const replays = await admin.list(limit)
        if (json === true) return terminal.out(renderJson({ replays }))
        if (replays.length === 0) return terminal.out('There are no replays.')
        terminal.out(
          renderTable(
            ['ID', 'GROUP', 'STATE', 'READ', 'RELEASED', 'EFFECTS', 'ORDERED', 'OWNER', 'BECAUSE'],
            replays.map((replay) => [
              Number(replay.id),
              replay.group,
              replay.state,
              `${readOf(replay).done} of ${readOf(replay).all}`,
              replay.released,
              replay.confirmed,
              timeCell(replay.createdAt),
              replay.owner,
              replay.because,
            ]),
            terminal.columns,
            terminal,
          ),
        )
      })
    })
}

export function addReplayShow(parent: Command, terminal: Terminal): void {
  parent
    .command('show')
    .description('show the progress of one replay, and every difference from its plan')
    .argument('<id>', 'as replay list shows it')
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExample:\n  npm run workerctl -- replay show 12')
    .action(async (id: string, { json }: { readonly json?: boolean }) => {
      await withReplays(terminal, async (admin) => {
        const replay = await admin.find(idOf(id))
        if (replay === null) throw new OperatorError(`There is no replay ${id}: replay list shows which there are.`)
        const [ends, audit] = [await admin.ends(id), await admin.audit(id)]
        const differences = differencesOf(replay, ends)
        const unfinished = unfinishedOf(ends)
        if (json === true) return terminal.out(renderJson({ ...replay, ends, unfinished, differences, audit }))
        const { done, all } = readOf(replay)
        terminal.out(
          `Replay ${id} of ${replay.group} on ${replay.topic} is ${coloured(terminal, replay.state)}${replay.detail === null ? '' : `: ${replay.detail}`}.`,
        )
        terminal.out(
          `Ordered by ${replay.owner} (${replay.because}) at ${replay.createdAt.toISOString()}, with ${replay.confirmed} effects confirmed.`,
        )
        terminal.out(`Read ${done} of ${all} records; released ${replay.released} intents; ${unfinished} are not finished.`)
        if (replay.process !== null) terminal.out(`${replay.process} has it.`)
        for (const { label, state, reason, count } of ends) {
          terminal.out(`${count} ${label}: ${state}${reason === null ? '' : ` (${reason})`}.`)
        }
        for (const sentence of comparisonSentences(replay, unfinished, differences)) terminal.out(sentence)
        for (const { at, action, owner, because } of audit) {
          terminal.out(`${at.toISOString()} ${action} by ${owner}${because === null ? '' : `: ${because}`}`)
        }
      })
    })
}

const descriptions: Readonly<Record<ReplayMove, string>> = {
  pause: 'stop reading and releasing; the cursor stays',
  resume: 'continue a paused replay at its cursor',
  cancel: 'end a replay, and cancel its intents that no worker has',
}

const HELP: Readonly<Record<ReplayMove, string>> = {
  pause: `
Takes effect within a second. Intents that are due already are sent.

Example:
  npm run workerctl -- replay pause 12 --owner ada --because "endpoint is slow"`,
  resume: `
Example:
  npm run workerctl -- replay resume 12 --owner ada --because "endpoint is back"`,
  cancel: `
Events that were accepted stay accepted. A later replay, or intents retry, sends cancelled intents after all.

Example:
  npm run workerctl -- replay cancel 12 --owner ada --because "wrong campaign"`,
}

export function addReplayMove(parent: Command, move: ReplayMove, terminal: Terminal): void {
  parent
    .command(move)
    .description(descriptions[move])
    .argument('<id>', 'as replay list shows it')
    .requiredOption('--owner <name>', 'who does it')
    .requiredOption('--because <text>', 'why')
    .option('--json', 'print one JSON object')
    .addHelpText('after', HELP[move])
    .action(async (id: string, options: { readonly owner: string; readonly because: string; readonly json?: boolean }) => {
      const act = { owner: requireShowable('--owner', options.owner), because: requireShowable('--because', options.because) }
      await withReplays(terminal, async (admin) => {
        const { before, cancelled } = await moveReplay(admin, idOf(id), move, act)
        if (options.json === true) return terminal.out(renderJson({ id, verb: move, before, cancelled }))
        const replay = await admin.find(id)
        const intents = move === 'cancel' ? `; ${cancelled} of its intents were cancelled` : ''
        terminal.out(`Done: replay ${id} was ${before} and is ${replay?.state ?? 'gone'}${intents}.`)
      })
    })
}

async function withReplays(terminal: Terminal, work: (admin: ReplayAdmin) => Promise<void>): Promise<void> {
  const { config } = configure(terminal)
  await withDatabase(
    config,
    async (database) => {
      await checkSchema(database.sql)
      await work(createReplayAdmin(database, recordOutcome))
    },
    { statementTimeoutMs: WHOLE_TABLE_MS },
  )
}

function idOf(text: string): string {
  if (/^[1-9]\d{0,17}$/.test(text)) return text
  throw new OperatorError(`"${text}" is not the id of a replay: give a number, as "replay list" shows it.`)
}

/** Records of the ranges that are read, of all. */
function readOf({ ranges }: ReplayView): { readonly done: bigint; readonly all: bigint } {
  return {
    done: ranges.reduce((sum, { from, next }) => sum + (next - from), 0n),
    all: ranges.reduce((sum, { from, to }) => sum + (to - from), 0n),
  }
}
