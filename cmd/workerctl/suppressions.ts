import type { Command } from 'commander'
import { checkSchema } from '../../src/infra/postgres/schema/schema-check.ts'
import { createSuppressionAdmin } from '../../src/infra/postgres/admin/postgres-suppression-admin.ts'
import type { SuppressionCount, SuppressionFilter } from '../../src/admin/suppressions/suppression-admin.ts'
import { uuidOf } from '../../src/admin/intents/intent-filter.ts'
import { parseTime } from '../../src/admin/time-option.ts'
import { addressOption } from '../../src/admin/people/person-finder.ts'
import { unknownWord } from '../../src/admin/unknown-word.ts'
import { channelList } from '../../src/daemon/compose/channels.ts'
import { createTimelineReader } from '../../src/infra/postgres/admin/postgres-timeline.ts'
import { unknownPerson } from '../../src/leaderboard/standings.ts'
import { stamp } from '../../src/std/ago.ts'
import { systemClock } from '../../src/std/clock.ts'
import type { Sql } from '../../src/std/sql.ts'
import { OperatorError } from '../../src/std/failure.ts'
import { configure, WHOLE_TABLE_MS, withDatabase } from './connections.ts'
import { changedMeanwhile, decide, unapplied } from './decide.ts'
import type { PersonOptions } from './person-option.ts'
import { renderJson } from './render-json.ts'
import { renderTable } from './render-table.ts'
import type { Terminal } from './terminal.ts'
import { wholeNumber } from './whole-number.ts'

interface FilterOptions extends PersonOptions {
  readonly account?: string
  readonly reason?: string
  readonly since?: string
  readonly until?: string
  readonly limit: number
  readonly json?: boolean
}

const LIST_HELP = `
Addresses are stored as hashes: --email finds a known address, and no command shows an unknown one.

Examples:
  npm run workerctl -- suppressions list
  npm run workerctl -- suppressions list --email guest@example.com
  npm run workerctl -- suppressions list --user b1f6f0de-6a1c-4f8e-9d61-3f6f0a7c4d55
  npm run workerctl -- suppressions list --reason bounced --since 2030-01-31T12:00:00Z`

const REMOVE_HELP = `
A removed address gets mail again from the next event on. Mails that were skipped or rejected meanwhile are not sent; see intents retry.

Examples:
  npm run workerctl -- suppressions remove --email guest@example.com --account 5b0f0c52-1f6f-4c0e-9a55-2f6c0f6f7f10 --dry-run
  npm run workerctl -- suppressions remove --reason bounced --since 2030-01-31T12:00:00Z --until 2030-01-31T13:00:00Z --yes`

export function addSuppressionsList(parent: Command, terminal: Terminal): void {
  withFilter(parent.command('list').description('count suppressed addresses by account and reason, and list the newest'))
    .option('--limit <count>', 'maximum number of suppressions listed', wholeNumber(0, 100_000), 20)
    .option('--json', 'print one JSON object')
    .addHelpText('after', LIST_HELP)
    .action(async (options: FilterOptions) => {
      const { config } = configure(terminal)
      const typed = filterOf(options)
      const found = await withDatabase(
        config,
        async ({ sql }) => {
          await checkSchema(sql)
          const filter = await ofPerson(typed, options, sql)
          const admin = createSuppressionAdmin(sql)
          return { counts: await admin.counts(filter), suppressions: await admin.list(filter, options.limit) }
        },
        { statementTimeoutMs: WHOLE_TABLE_MS },
      )
      if (options.json === true) return terminal.out(renderJson(found))
      if (found.counts.length === 0) return terminal.out('No suppression matches.')
      terminal.out(countsTable(found.counts, terminal.columns))
      if (found.suppressions.length === 0) return
      terminal.out('')
      const now = systemClock.now()
      const lines = found.suppressions.map(({ at, accountId, reason, hash }) => [stamp(at, now), accountId, reason, hash.slice(0, 12)])
      terminal.out(renderTable(['AT', 'ACCOUNT', 'REASON', 'HASH'], lines, terminal.columns))
    })
}

interface RemoveOptions extends FilterOptions {
  readonly dryRun?: boolean
  readonly yes?: boolean
}

export function addSuppressionsRemove(parent: Command, terminal: Terminal): void {
  withFilter(parent.command('remove').description('allow mail to addresses again'))
    .option('--limit <count>', 'refuse the change when more match', wholeNumber(1, 1_000_000), 1_000)
    .option('--dry-run', 'show the plan without applying it')
    .option('--yes', 'apply the plan without a prompt')
    .option('--json', 'print one JSON object; never prompts')
    .addHelpText('after', REMOVE_HELP)
    .action(async (options: RemoveOptions) => {
      const { config } = configure(terminal)
      const typed = filterOf(options)
      if (options.user === undefined && Object.values(typed).every((part) => part === null)) {
        throw new OperatorError('Select the suppressions: give --email, --user, --account, --reason, --since or --until.')
      }
      await withDatabase(
        config,
        async ({ sql }) => {
          await checkSchema(sql)
          const filter = await ofPerson(typed, options, sql)
          const admin = createSuppressionAdmin(sql)
          const counts = await admin.counts(filter)
          const planned = counts.reduce((sum, { count }) => sum + count, 0)
          if (planned > options.limit) {
            throw new OperatorError(`${planned} suppressions match, more than --limit ${options.limit}: narrow the selection, or raise it.`)
          }
          if (options.json !== true) {
            terminal.out(planned === 0 ? 'No suppression matches.' : countsTable(counts, terminal.columns))
            if (planned > 0) terminal.out(`${planned} of them will be removed.`)
          }
          const decided = await decide(planned > 0, options, terminal)
          const removed = decided === 'apply' ? await admin.remove(filter) : 0
          if (options.json === true) terminal.out(renderJson({ planned, counts, applied: removed > 0, removed }))
          if (decided === 'apply' && removed === 0)
            throw changedMeanwhile(`${planned} ${planned === 1 ? 'suppression' : 'suppressions'}`, 'suppressions list')
          if (options.json === true) return
          if (decided !== 'nothing') terminal.out(decided === 'apply' ? `Done: ${removed} removed.` : unapplied[decided])
        },
        { statementTimeoutMs: WHOLE_TABLE_MS },
      )
    })
}

function withFilter(command: Command): Command {
  return command
    .option('--email <address>', 'only of this address')
    .option('--user <uuid>', "only of this person's address and account")
    .option('--account <id>', 'only of this account')
    .option('--reason <reason>', 'bounced or unsubscribed')
    .option('--since <time>', 'only those created at or after this time, such as 7d or 2026-01-31T00:00:00Z')
    .option('--until <time>', 'only those created before this time')
}

function filterOf({ account, reason, email, since, until }: FilterOptions): SuppressionFilter {
  if (reason !== undefined && reason !== 'bounced' && reason !== 'unsubscribed') {
    throw unknownWord('reason', reason, ['bounced', 'unsubscribed'], 'give bounced or unsubscribed')
  }
  return {
    accountId: uuidOf('--account', account),
    reason: reason ?? null,
    address: email === undefined ? null : addressOption(email),
    since: since === undefined ? null : parseTime('--since', since, systemClock.now()),
    until: until === undefined ? null : parseTime('--until', until, systemClock.now()),
  }
}

/** @throws {OperatorError} the person has no row. */
async function ofPerson(filter: SuppressionFilter, { user, email }: PersonOptions, sql: Sql): Promise<SuppressionFilter> {
  if (user === undefined) return filter
  if (email !== undefined) throw new OperatorError('Give --user or --email, not both.')
  const userId = uuidOf('--user', user)
  const person = await createTimelineReader(sql, channelList).person(userId)
  if (person === null) throw unknownPerson(userId)
  return { ...filter, address: person.email, accountId: filter.accountId ?? person.accountId }
}

function countsTable(counts: readonly SuppressionCount[], columns: number | null): string {
  const now = systemClock.now()
  return renderTable(
    ['ACCOUNT', 'REASON', 'COUNT', 'FIRST', 'LAST'],
    counts.map(({ accountId, reason, count, first, last }) => [accountId, reason, count, stamp(first, now), stamp(last, now)]),
    columns,
  )
}
