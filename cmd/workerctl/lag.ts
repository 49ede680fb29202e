import type { Command } from 'commander'
import { findGroup, groupsInUse, type OperatorGroup } from '../../src/admin/operator-group.ts'
import type { GroupLagReport, PartitionReport } from '../../src/admin/lag/lag-report.ts'
import { createLagMeasurer, type LagMeasurer } from '../../src/admin/lag/measure-lag.ts'
import { roughly } from '../../src/admin/lag/lag-verdict.ts'
import { requireTopics } from '../../src/admin/require-topics.ts'
import { channelNames, channelWords } from '../../src/daemon/compose/channels.ts'
import { createInsideReader } from '../../src/infra/postgres/admin/postgres-inside-reader.ts'
import { createPauseAdmin } from '../../src/infra/postgres/admin/postgres-pause-admin.ts'
import { createProgressAdmin } from '../../src/infra/postgres/admin/postgres-progress-admin.ts'
import { checkSchema } from '../../src/infra/postgres/schema/schema-check.ts'
import { systemClock } from '../../src/std/clock.ts'
import type { Database } from '../../src/std/sql.ts'
import { coloured } from './colour.ts'
import { configure, withDatabase, withKafka } from './connections.ts'
import { renderJson } from './render-json.ts'
import { renderTable } from './render-table.ts'
import type { Terminal } from './terminal.ts'
import { wholeNumber } from './whole-number.ts'

interface Options {
  readonly group?: string
  readonly seconds: number
  readonly watch?: boolean
  readonly json?: boolean
}

const HELP = `
Measures twice, --seconds apart, so that it can say whether a group catches up and when. LAG counts records after the offset that the group
has committed to Kafka, like Kafka's own consumer-groups tool; BEHIND is the age of the oldest of them. BACKLOG is the work that more
processes would do sooner, for autoscalers. Works beside running daemons, and without any.

Examples:
  npm run workerctl -- lag
  npm run workerctl -- lag --group email-workers --seconds 10
  npm run workerctl -- lag --watch
  npm run -s workerctl -- lag --json`

export function addLag(parent: Command, terminal: Terminal): void {
  parent
    .command('lag')
    .description('show how far each group is behind, whether it catches up, and what it waits for')
    .option('--group <group>', 'only this group, with or without KAFKA_GROUP_PREFIX')
    .option('--seconds <count>', 'how long to measure', wholeNumber(1, 60), 5)
    .option('--watch', 'measure again every --seconds, until Ctrl-C')
    .option('--json', 'print one JSON object; with --watch one a line')
    .addHelpText('after', HELP)
    .action(async (options: Options) => {
      const { config, groups } = configure(terminal)
      const chosen = options.group === undefined ? null : findGroup(groups, options.group)
      await withKafka(config, (admin) =>
        withDatabase(config, async (database) => {
          await checkSchema(database.sql)
          const shown = chosen === null ? await groupsInUse(groups, createProgressAdmin(database)) : [chosen]
          await requireTopics(admin, shown)
          const measurer = lagMeasurer(shown, admin, database)
          await measurer.measure()
          do {
            await systemClock.sleep(options.seconds * 1_000)
            show(await measurer.measure(), options, terminal)
          } while (options.watch === true && terminal.isUnread?.() !== true)
        }),
      )
    })
}

/** Measures these groups over connections that are open. */
export function lagMeasurer(
  groups: readonly OperatorGroup[],
  admin: Parameters<Parameters<typeof withKafka>[1]>[0],
  database: Database,
): LagMeasurer {
  return createLagMeasurer({
    groups,
    admin,
    sources: {
      kafka: admin,
      inside: createInsideReader(database.sql, channelNames),
      pauses: createPauseAdmin(database),
    },
    channels: channelWords,
    clock: systemClock,
  })
}

function show(reports: readonly GroupLagReport[], { json, watch }: Options, terminal: Terminal): void {
  const at = new Date(systemClock.now()).toISOString()
  if (json === true) {
    terminal.out(renderJson({ at, groups: reports }))
    return
  }
  if (watch === true) terminal.out(`${at}\n`)
  for (const report of reports) {
    terminal.out(headline(report, terminal))
    terminal.out(
      renderTable(
        ['PARTITION', 'COMMITTED', 'END', 'LAG', 'BEHIND', 'VERDICT', 'OWNER'],
        report.partitions
          .toSorted((a, b) => a.partition - b.partition)
          .map((one) => [one.partition, one.committed, one.end, one.lag, age(one.secondsBehind), one.word, ownerOf(one)]),
        terminal.columns,
        terminal,
      ),
    )
    if (report.partitionCount > report.partitions.length)
      terminal.out(`${report.partitions.length} of ${report.partitionCount} partitions, the worst.`)
    for (const line of detailsOf(report)) terminal.out(line)
    terminal.out('')
  }
}

function headline({ group, topic, verdict, lag, secondsBehind, members, scalableBacklog }: GroupLagReport, terminal: Terminal): string {
  const figures = [
    `lag ${lag ?? 'unknown'}`,
    `${age(secondsBehind)} behind`,
    `${members ?? 'unknown'} ${members === 1 ? 'member' : 'members'}`,
    `backlog ${scalableBacklog ?? 'unknown'}`,
  ]
  return `${group} on ${topic}: ${coloured(terminal, verdict.word)} (${figures.join(', ')})`
}

const UNREAD =
  'The database did not say in time what is due, so the backlog is unknown: npm run workerctl -- status names what keeps it from answering.'

function detailsOf({ verdict, cause, due, partitions }: GroupLagReport): readonly string[] {
  const stuck = partitions.find(({ word, next }) => word === 'stalled' && next !== null)
  return [
    ...(verdict.word === 'ok' ? [] : [verdict.sentence]),
    ...(cause === null || cause.sentence === verdict.sentence ? [] : [`Cause (${cause.is}): ${cause.sentence}`]),
    ...(stuck?.next
      ? [
          `Next in partition ${stuck.partition}: offset ${stuck.next.offset}, ${stuck.next.type ?? 'no type'}, event ${stuck.next.eventId ?? 'unknown'}.`,
        ]
      : []),
    ...(due === null ? [UNREAD] : []),
    ...(due ?? []).map(({ channel, count, oldestMs, campaigns }) => {
      const top = campaigns.slice(0, 3).map((one) => `${one.campaignId} (${one.count})`)
      return `Due in channel ${channel}: ${count}${oldestMs === null ? '' : `, the oldest for ${roughly(oldestMs)}`}; campaigns: ${top.join(', ')}.`
    }),
  ]
}

/** Host and process as the member states them, else where it connects from. */
function ownerOf({ owner }: PartitionReport): string | null {
  if (owner === null) return null
  return owner.host === null ? `${owner.memberId} at ${owner.address}` : `${owner.host} pid ${owner.pid ?? 'unknown'}`
}

function age(seconds: number | null): string {
  if (seconds === null) return 'unknown'
  return seconds === 0 ? '0 s' : roughly(seconds * 1_000)
}
