import type { Command } from 'commander'
import { checkSchema } from '../../src/infra/postgres/schema/schema-check.ts'
import { outboxReasons } from '../../src/model/outbox-reason.ts'
import { createOutboxAdmin, type OutboxCount, type OutboxFilter } from '../../src/outbox/postgres-outbox-admin.ts'
import { unknownWord } from '../../src/admin/unknown-word.ts'
import { stamp } from '../../src/std/ago.ts'
import { systemClock } from '../../src/std/clock.ts'
import { OperatorError } from '../../src/std/failure.ts'
import { configure, WHOLE_TABLE_MS, withDatabase } from './connections.ts'
import { changedMeanwhile, decide, unapplied } from './decide.ts'
import { renderJson } from './render-json.ts'
import { renderTable } from './render-table.ts'
import type { Terminal } from './terminal.ts'
import { wholeNumber } from './whole-number.ts'

interface FilterOptions {
  readonly topic?: string
  readonly type?: string
  readonly reason?: string
  readonly limit: number
  readonly json?: boolean
}

const LIST_HELP = `
Counts events that the platform published in its transactions and that are not in Kafka yet: due ones, which the relay of a daemon sends
within a second, and failed ones, which Kafka or the catalogue refused. Lists the failed ones, the latest first.

Examples:
  npm run workerctl -- outbox list
  npm run workerctl -- outbox list --reason unknown-topic --limit 100`

const REQUEUE_HELP = `
Correct the cause first: the sentence of "outbox list" names it. Requeued events keep their ids, and arrive behind later events of their key.

Examples:
  npm run workerctl -- outbox requeue --topic domain-events --dry-run
  npm run workerctl -- outbox requeue 4711 4712 --yes`

export function addOutboxList(parent: Command, terminal: Terminal): void {
  withFilter(parent.command('list').description('count events that are not published, and list the failed ones'))
    .option('--limit <count>', 'maximum number of failed events listed', wholeNumber(0, 100_000), 20)
    .option('--json', 'print one JSON object')
    .addHelpText('after', LIST_HELP)
    .action(async (options: FilterOptions) => {
      const { config } = configure(terminal)
      const filter = filterOf(options, [])
      const found = await withDatabase(
        config,
        async ({ sql }) => {
          await checkSchema(sql)
          const admin = createOutboxAdmin(sql)
          return { counts: await admin.counts(filter), failed: await admin.failed(filter, options.limit) }
        },
        { statementTimeoutMs: WHOLE_TABLE_MS },
      )
      if (options.json === true) return terminal.out(renderJson(found))
      if (found.counts.length === 0) return terminal.out('Every event of the outbox is published.')
      terminal.out(countsTable(found.counts, terminal.columns))
      if (found.failed.length === 0) return
      terminal.out('')
      const now = systemClock.now()
      const lines = found.failed.map(({ position, failedAt, type, eventId, key, error }) => {
        return [Number(position), stamp(failedAt, now), type, eventId, key, error]
      })
      terminal.out(renderTable(['POSITION', 'FAILED', 'TYPE', 'EVENT', 'KEY', 'ERROR'], lines, terminal.columns))
    })
}

interface RequeueOptions extends FilterOptions {
  readonly dryRun?: boolean
  readonly yes?: boolean
}

export function addOutboxRequeue(parent: Command, terminal: Terminal): void {
  withFilter(
    parent.command('requeue').argument('[position...]', 'positions as shown by "outbox list"').description('publish failed events again'),
  )
    .option('--limit <count>', 'refuse the change when more match', wholeNumber(1, 10_000_000), 1_000)
    .option('--dry-run', 'show the plan without applying it')
    .option('--yes', 'apply the plan without a prompt')
    .option('--json', 'print one JSON object; never prompts')
    .addHelpText('after', REQUEUE_HELP)
    .action(async (positions: string[], options: RequeueOptions) => {
      const { config } = configure(terminal)
      const filter = filterOf(options, positions)
      if (Object.values(filter).every((part) => part === null)) {
        throw new OperatorError('Select the events: give positions, --topic, --type or --reason.')
      }
      await withDatabase(
        config,
        async ({ sql }) => {
          await checkSchema(sql)
          const admin = createOutboxAdmin(sql)
          const counts = (await admin.counts(filter)).filter(({ state }) => state === 'failed')
          const planned = counts.reduce((sum, { count }) => sum + count, 0)
          if (planned > options.limit) {
            throw new OperatorError(
              `${planned} failed events match, more than --limit ${options.limit}: narrow the selection, or raise it.`,
            )
          }
          if (options.json !== true) {
            terminal.out(planned === 0 ? 'No failed event matches.' : countsTable(counts, terminal.columns))
            if (planned > 0) terminal.out(`${planned} of them will be published again.`)
          }
          const decided = await decide(planned > 0, options, terminal)
          const requeued = decided === 'apply' ? await admin.requeue(filter) : 0
          if (options.json === true) terminal.out(renderJson({ planned, counts, applied: requeued > 0, requeued }))
          if (decided === 'apply' && requeued === 0)
            throw changedMeanwhile(`${planned} failed ${planned === 1 ? 'event' : 'events'}`, 'outbox list')
          if (options.json === true) return
          if (decided !== 'nothing') terminal.out(decided === 'apply' ? `Done: ${requeued} requeued.` : unapplied[decided])
        },
        { statementTimeoutMs: WHOLE_TABLE_MS },
      )
    })
}

function withFilter(command: Command): Command {
  return command
    .option('--topic <topic>', 'only of this topic')
    .option('--type <type>', 'only of this event type')
    .option('--reason <reason>', 'only failed with this reason')
}

function filterOf({ topic, type, reason }: FilterOptions, positions: readonly string[]): OutboxFilter {
  if (reason !== undefined && !outboxReasons.some((known) => known === reason)) {
    throw unknownWord('reason', reason, outboxReasons)
  }
  const strange = positions.find((position) => !/^[1-9]\d{0,17}$/.test(position))
  if (strange !== undefined) throw new OperatorError(`"${strange}" is no position: give a number that "outbox list" shows.`)
  return { topic: topic ?? null, type: type ?? null, reason: reason ?? null, positions: positions.length === 0 ? null : positions }
}

function countsTable(counts: readonly OutboxCount[], columns: number | null): string {
  const now = systemClock.now()
  return renderTable(
    ['STATE', 'TOPIC', 'TYPE', 'REASON', 'COUNT', 'FIRST', 'LAST'],
    counts.map(({ state, topic, type, reason, count, first, last }) => [
      state,
      topic,
      type,
      reason,
      count,
      stamp(first, now),
      stamp(last, now),
    ]),
    columns,
  )
}
