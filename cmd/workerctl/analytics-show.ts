import type { Command } from 'commander'
import { uuidOf } from '../../src/admin/intents/intent-filter.ts'
import { analyticsConsumer } from '../../src/consumers/analytics/analytics-consumer.ts'
import { readEventCounts, signupSources } from '../../src/consumers/analytics/event-counts.ts'
import { checkOwnTables } from '../../src/infra/postgres/schema/schema-check.ts'
import { OperatorError } from '../../src/std/failure.ts'
import { configure, withDatabase } from './connections.ts'
import { renderJson } from './render-json.ts'
import { renderTable } from './render-table.ts'
import type { Terminal } from './terminal.ts'

interface Options {
  readonly campaign: string
  readonly since?: string
  readonly json?: boolean
}

const HELP = `
The counters are written by the group analytics-workers, which runs where KAFKA_GROUPS names it. Days are in UTC, by the time of the
event. An event counts once, however often it was published or read.
Sign-ups by referral are as many as there are referral.created events; the other sign-ups are direct. If a sign-up was before the first
day shown and its referral.created was not, one direct sign-up counts as by referral.

Examples:
  npm run workerctl -- analytics show --campaign 0c9e6c1f-3b1d-4f0e-8d8a-5f0f7a1e2b33
  npm run workerctl -- analytics show --campaign 0c9e6c1f-3b1d-4f0e-8d8a-5f0f7a1e2b33 --since 2026-11-01`

export function addAnalyticsShow(parent: Command, terminal: Terminal): void {
  parent
    .command('show')
    .description('show the event counts of a campaign per day, and its sign-ups by source')
    .requiredOption('--campaign <uuid>', 'the id in campaigns')
    .option('--since <day>', 'the first day to show, YYYY-MM-DD in UTC')
    .option('--json', 'print one JSON object')
    .addHelpText('after', HELP)
    .action(async (options: Options) => {
      const { config } = configure(terminal)
      const campaignId = uuidOf('--campaign', options.campaign)
      const since = dayOf(options.since)
      await withDatabase(config, async ({ sql }) => {
        await checkOwnTables(sql, analyticsConsumer.tables)
        const counts = await readEventCounts(sql, campaignId, since)
        const signups = signupSources(counts)
        if (options.json === true) return terminal.out(renderJson({ campaignId, since, signups, counts }))
        if (counts.length === 0) {
          return terminal.out(`No event of campaign ${campaignId} is counted${since === null ? '' : ` since ${since}`}.`)
        }
        terminal.out(`Sign-ups: ${signups.total} (${signups.referral} by referral, ${signups.direct} direct).`)
        terminal.out(
          renderTable(
            ['DAY', 'EVENT', 'COUNT'],
            counts.map(({ day, type, count }) => [day, type, count]),
            terminal.columns,
          ),
        )
      })
    })
}

/** @throws {OperatorError} the text is no day of the calendar. */
export function dayOf(text: string | undefined): string | null {
  if (text === undefined) return null
  const at = /^\d{4}-\d{2}-\d{2}$/.test(text) ? new Date(`${text}T00:00:00Z`) : new Date(Number.NaN)
  if (Number.isNaN(at.getTime()) || at.toISOString().slice(0, 10) !== text) {
    throw new OperatorError(`--since ${text} is not a day: give it as YYYY-MM-DD, such as 2026-11-01.`)
  }
  return text
}
