import type { Command } from 'commander'
import { letterFilter } from '../../src/admin/dead-letters/letter-filter.ts'
import { offsetWords, overviewOf, type GroupOverview } from '../../src/admin/lag/group-overview.ts'
import { findGroup } from '../../src/admin/operator-group.ts'
import { requireTopics } from '../../src/admin/require-topics.ts'
import { createDeadLetterAdmin } from '../../src/infra/postgres/admin/postgres-dead-letter-admin.ts'
import { createPauseAdmin } from '../../src/infra/postgres/admin/postgres-pause-admin.ts'
import { createProgressAdmin } from '../../src/infra/postgres/admin/postgres-progress-admin.ts'
import { checkSchema } from '../../src/infra/postgres/schema/schema-check.ts'
import { pausedWork } from '../../src/model/pause.ts'
import { span } from '../../src/std/ago.ts'
import { systemClock } from '../../src/std/clock.ts'
import { configure, withDatabase, withKafka } from './connections.ts'
import { lagMeasurer } from './lag.ts'
import { offsetsOf, runElsewhere } from './offsets-show.ts'
import { renderJson } from './render-json.ts'
import { renderTable } from './render-table.ts'
import type { Terminal } from './terminal.ts'
import { wholeNumber } from './whole-number.ts'

interface Options {
  readonly group?: string
  readonly seconds: number
  readonly json?: boolean
}

const HELP = `
STATE is Kafka's word for the group. ROWS compares the progress rows, which decide where a group continues, with the offsets committed to
Kafka: ok, or the states of "offsets show" with their number of partitions. DEAD LETTERS are open ones. A group that runs only when named is
shown if KAFKA_GROUPS names it, if it has a row, a committed offset or a member, or if --group names it.

Examples:
  npm run workerctl -- groups
  npm run workerctl -- groups --group email-workers
  npm run -s workerctl -- groups --json`

export function addGroups(parent: Command, terminal: Terminal): void {
  parent
    .command('groups')
    .description('list the consumer groups: members, lag, verdict, offsets, pauses and dead letters')
    .option('--group <group>', 'only this group, with or without KAFKA_GROUP_PREFIX')
    .option('--seconds <count>', 'how long to measure', wholeNumber(1, 60), 2)
    .option('--json', 'print one JSON object')
    .addHelpText('after', HELP)
    .action(async ({ group, seconds, json }: Options) => {
      const overviews = await read(group, seconds, terminal)
      if (json === true) terminal.out(renderJson({ at: new Date(systemClock.now()).toISOString(), groups: overviews }))
      else show(overviews, terminal)
    })
}

async function read(named: string | undefined, seconds: number, terminal: Terminal): Promise<readonly GroupOverview[]> {
  const { config, groups } = configure(terminal)
  const chosen = named === undefined ? null : findGroup(groups, named)
  return withKafka(config, (admin) =>
    withDatabase(config, async (database) => {
      await checkSchema(database.sql)
      const expected = chosen === null ? groups.filter(({ enabled }) => enabled) : [chosen]
      await requireTopics(admin, expected)
      const progress = createProgressAdmin(database)
      const others = chosen === null ? await runElsewhere(groups, admin, progress) : []
      const shown = [...expected, ...groups.filter(({ id }) => others.some((other) => other.group === id))]
      const measurer = lagMeasurer(shown, admin, database)
      await measurer.measure()
      await systemClock.sleep(seconds * 1_000)
      const pauses = await createPauseAdmin(database).active()
      const open = letterFilter({ state: 'open' }, [], { groups, types: [], now: systemClock.now() })
      const letters = await createDeadLetterAdmin(database).counts(open)
      const overviews: GroupOverview[] = []
      for (const report of await measurer.measure()) {
        const { state, partitions } = await offsetsOf({ id: report.group, topic: report.topic }, admin, progress)
        const members = await admin.members(report.group, report.topic)
        overviews.push(overviewOf({ report, state, members, offsets: partitions, pauses, letters }))
      }
      return overviews
    }),
  )
}

function show(overviews: readonly GroupOverview[], terminal: Terminal): void {
  terminal.out(
    renderTable(
      ['GROUP', 'STATE', 'MEMBERS', 'PARTITIONS', 'LAG', 'BEHIND', 'VERDICT', 'ROWS', 'PAUSED', 'DEAD LETTERS'],
      overviews.map((one) => [
        one.group,
        one.state,
        one.members.length,
        one.partitions,
        one.lag,
        one.secondsBehind === null ? null : span(one.secondsBehind * 1_000),
        one.verdict.word,
        offsetWords(one),
        one.pauses.length === 0 ? null : one.pauses.map((pause) => `${pausedWork(pause)} by ${pause.owner}`).join(', '),
        one.deadLetters,
      ]),
      terminal.columns,
      terminal,
    ),
  )
  const members = overviews.flatMap(({ group, members: all }) =>
    all.map(({ host, pid, address, memberId, partitions }) => [
      group,
      host ?? address,
      pid === null ? memberId : String(pid),
      partitions.toSorted((a, b) => a - b).join(',') || null,
    ]),
  )
  if (members.length > 0) terminal.out(`\n${renderTable(['GROUP', 'HOST', 'PROCESS', 'PARTITIONS'], members, terminal.columns)}`)
}
