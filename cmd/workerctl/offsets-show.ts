import type { Command } from 'commander'
import { checkSchema } from '../../src/infra/postgres/schema/schema-check.ts'
import { createProgressAdmin } from '../../src/infra/postgres/admin/postgres-progress-admin.ts'
import { reportOffsets, type PartitionOffsets } from '../../src/admin/offsets/offset-report.ts'
import { findGroup, type OperatorGroup } from '../../src/admin/operator-group.ts'
import type { ProgressAdmin } from '../../src/admin/offsets/progress-admin.ts'
import { leaderEpochs } from '../../src/ingest/log-faults.ts'
import type { LogAdmin } from '../../src/ingest/log-admin.ts'
import { requireTopics } from '../../src/admin/require-topics.ts'
import { configure, withDatabase, withKafka } from './connections.ts'
import { renderJson } from './render-json.ts'
import { renderTable } from './render-table.ts'
import type { Terminal } from './terminal.ts'

interface Options {
  readonly group?: string
  readonly json?: boolean
}

interface GroupOffsets {
  readonly group: string
  readonly topic: string
  /** As Kafka names it: `Stable`, `Empty`, `Dead` and others. */
  readonly state: string
  readonly members: number
  /** Over the partitions whose row lies in the log. */
  readonly lag: bigint
  readonly partitions: readonly PartitionOffsets[]
}

const HELP = `
ROW is the progress row in the database, which is authoritative; COMMITTED is the offset committed to Kafka a moment later. LAG
counts from the row. A group that runs only when named is shown if KAFKA_GROUPS names it, if it has a row, a committed offset or a
member, or if --group names it.

Examples:
  npm run workerctl -- offsets show
  npm run workerctl -- offsets show --group email-workers
  npm run -s workerctl -- offsets show --json`

export function addOffsetsShow(parent: Command, terminal: Terminal): void {
  parent
    .command('show')
    .description('show the offsets of every group by partition')
    .option('--group <group>', 'only this group, with or without KAFKA_GROUP_PREFIX')
    .option('--json', 'print one JSON object')
    .addHelpText('after', HELP)
    .action(async (options: Options) => {
      const { config, groups } = configure(terminal)
      const chosen = options.group === undefined ? null : findGroup(groups, options.group)
      const shown = await withKafka(config, (admin) =>
        withDatabase(config, async (database) => {
          await checkSchema(database.sql)
          const expected = chosen === null ? groups.filter(({ enabled }) => enabled) : [chosen]
          await requireTopics(admin, expected)
          const progress = createProgressAdmin(database)
          const found: GroupOffsets[] = []
          for (const group of expected) found.push(await offsetsOf(group, admin, progress))
          if (chosen === null) found.push(...(await runElsewhere(groups, admin, progress)))
          return found
        }),
      )
      if (options.json === true) terminal.out(renderJson({ groups: shown }))
      else for (const group of shown) show(group, terminal)
    })
}

/** Groups that this environment does not enable, but some daemon runs or ran. */
export async function runElsewhere(
  groups: readonly OperatorGroup[],
  admin: LogAdmin,
  progress: ProgressAdmin,
): Promise<readonly GroupOffsets[]> {
  const others = groups.filter(({ enabled }) => !enabled)
  const present = await admin.topics([...new Set(others.map(({ topic }) => topic))])
  const found: GroupOffsets[] = []
  for (const group of others.filter(({ topic }) => present.has(topic))) found.push(await offsetsOf(group, admin, progress))
  return found.filter(
    ({ members, partitions }) => members > 0 || partitions.some(({ row, committed }) => row !== null || committed !== null),
  )
}

/** Progress rows, committed offsets and ranges of a group, compared. */
export async function offsetsOf(
  { id, topic }: Pick<OperatorGroup, 'id' | 'topic'>,
  admin: LogAdmin,
  progress: ProgressAdmin,
): Promise<GroupOffsets> {
  const { state, members } = await admin.groupState(id)
  const committed = await admin.committed(id, topic)
  const rows = await progress.readProgress(id, topic)
  const ranges = await admin.ranges(topic)
  const topicId = await admin.topicId(topic)
  const epochEnds = await admin.epochEnds(topic, leaderEpochs(rows))
  const partitions = reportOffsets({ rows, committed, ranges, topicId, epochEnds, members })
  const lag = partitions.reduce((sum, partition) => sum + (partition.lag ?? 0n), 0n)
  return { group: id, topic, state, members, lag, partitions }
}

function show({ group, topic, state, members, lag, partitions }: GroupOffsets, terminal: Terminal): void {
  terminal.out(`${group} on ${topic}: ${state}, ${members === 1 ? '1 member' : `${members} members`}, lag ${lag}`)
  terminal.out(
    renderTable(
      ['PARTITION', 'ROW', 'COMMITTED', 'LOW', 'HIGH', 'LAG', 'STATE'],
      partitions.map((one) => [one.partition, one.row, one.committed, one.low, one.high, one.lag, one.state]),
      terminal.columns,
    ),
  )
  for (const sentence of sentencesOf(partitions)) terminal.out(sentence)
  terminal.out('')
}

/** Partitions with the same sentence share a line. */
function sentencesOf(partitions: readonly PartitionOffsets[]): string[] {
  const bySentence = Map.groupBy(
    partitions.filter(({ sentence }) => sentence !== null),
    ({ sentence }) => sentence,
  )
  return [...bySentence].map(
    ([sentence, same]) =>
      `${same.length === 1 ? 'Partition' : 'Partitions'} ${same.map(({ partition }) => partition).join(', ')}: ${sentence}`,
  )
}
