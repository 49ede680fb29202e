import type { Command } from 'commander'
import type { Config } from '../../config/load.ts'
import { databaseSentence } from '../../src/admin/database-sentence.ts'
import type { GroupReader } from '../../src/admin/lag/lag-ports.ts'
import { roughly } from '../../src/admin/lag/lag-verdict.ts'
import { reportOffsets, type PartitionOffsets } from '../../src/admin/offsets/offset-report.ts'
import type { OperatorGroup } from '../../src/admin/operator-group.ts'
import { findProblems } from '../../src/admin/status/find-problems.ts'
import { findingKinds, type Finding } from '../../src/admin/status/finding.ts'
import { MOST_DEAD_LETTERS, type GroupFacts, type StatusFacts } from '../../src/admin/status/status-facts.ts'
import type { TopicAdmin } from '../../src/admin/topics/topic-admin.ts'
import { channelNames, channelWords } from '../../src/daemon/compose/channels.ts'
import { createInsideReader } from '../../src/infra/postgres/admin/postgres-inside-reader.ts'
import { createPauseAdmin } from '../../src/infra/postgres/admin/postgres-pause-admin.ts'
import { createProgressAdmin } from '../../src/infra/postgres/admin/postgres-progress-admin.ts'
import { createStatusReader } from '../../src/infra/postgres/admin/postgres-status-reader.ts'
import { checkSchema } from '../../src/infra/postgres/schema/schema-check.ts'
import type { ProgressRow } from '../../src/ingest/accept-store.ts'
import { leaderEpochs } from '../../src/ingest/log-faults.ts'
import type { LogAdmin } from '../../src/ingest/log-admin.ts'
import { countOutbox } from '../../src/outbox/postgres-outbox-counts.ts'
import { systemClock } from '../../src/std/clock.ts'
import { asSentence, messageOf, OperatorError } from '../../src/std/failure.ts'
import { SqlError, type Database } from '../../src/std/sql.ts'
import { coloured } from './colour.ts'
import { configure, withDatabase, withKafka } from './connections.ts'
import { lagMeasurer } from './lag.ts'
import { renderJson } from './render-json.ts'
import { renderTable } from './render-table.ts'
import type { Terminal } from './terminal.ts'
import { differenceFound } from './topics-wanted.ts'

/** How long rates are measured; milliseconds. */
const MEASURE_MS = 2_000
const MOST_OUTBOX_ROWS = 10_000
const ROUND_TRIPS = 3
/** The entries of the findings, by kind. */
const RUNBOOK = 'Runbook: docs/guide/runbook.md#findings-of-workerctl-status'

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
      const { config, groups } = configure(terminal)
      const facts = await gather(config, groups)
      const findings = findProblems(facts)
      if (json === true) terminal.out(renderJson(objectOf(facts, findings)))
      else show(facts, findings, terminal)
      if (findings.length > 0) throw differenceFound()
    })
}

type Admin = LogAdmin & TopicAdmin & GroupReader

/** What each server says; one that does not answer is a sentence, and hides nothing of the other. */
async function gather(config: Config, groups: readonly OperatorGroup[]): Promise<StatusFacts> {
  let kafka: string | null = null
  let database: string | null = null
  const nothing: StatusFacts = {
    database: null,
    schema: null,
    kafka: null,
    groups: [],
    blocked: [],
    slow: [],
    quiet: [],
    roundTripMs: null,
    deadIntents: [],
    deadLetters: [],
    work: [],
    outbox: null,
    pauses: [],
    channels: channelWords,
  }
  const facts = await withDatabase(config, async (opened) => {
    const schema = await schemaSentence(opened)
    if (schema?.isAway === true) {
      database = schema.sentence
    }
    if (schema !== null) {
      const probed = await withoutDatabase(config, groups, (sentence) => (kafka = sentence))
      return { ...nothing, schema: schema.isAway ? null : schema.sentence, groups: probed }
    }
    const inDatabase = await ofDatabase(opened, groups)
    const all = await withKafka(config, (admin) => ofGroups(config, groups, admin, opened)).catch((error: unknown) => {
      kafka = sentenceOf(error)
      return [] as readonly GroupFacts[]
    })
    // A second look: a statement gives up after some seconds, and is tried again.
    const blocked = [...inDatabase.blocked, ...(await createInsideReader(opened.sql, channelNames).blocked())]
    return { ...nothing, ...inDatabase, blocked, groups: all }
  })
  return { ...facts, kafka, database }
}

/** Null when the schema is as this build needs it. */
async function schemaSentence({ sql }: Database): Promise<{ readonly sentence: string; readonly isAway: boolean } | null> {
  try {
    await checkSchema(sql)
    return null
  } catch (error) {
    return { sentence: sentenceOf(error), isAway: error instanceof SqlError }
  }
}

async function ofDatabase(
  database: Database,
  groups: readonly OperatorGroup[],
): Promise<Pick<StatusFacts, 'blocked' | 'slow' | 'quiet' | 'roundTripMs' | 'deadIntents' | 'deadLetters' | 'work' | 'outbox' | 'pauses'>> {
  const { sql } = database
  const reader = createStatusReader(sql, MOST_DEAD_LETTERS)
  return {
    blocked: await createInsideReader(sql, channelNames).blocked(),
    slow: await reader.slowSessions(),
    quiet: await reader.quietProcesses(),
    roundTripMs: await shortestRoundTrip(database),
    deadIntents: await reader.deadIntents(),
    deadLetters: await reader.deadLetters(),
    work: await reader.openWork(groups.map(({ id }) => id)),
    outbox: await countOutbox(sql, MOST_OUTBOX_ROWS),
    pauses: await createPauseAdmin(database).active(),
  }
}

/** Of a few on an open connection, so that neither its making nor one busy moment counts; milliseconds. */
async function shortestRoundTrip({ sql }: Database): Promise<number> {
  let shortest = Infinity
  for (let trip = 0; trip < ROUND_TRIPS; trip += 1) {
    const from = systemClock.monotonic()
    await sql.query('SELECT 1')
    shortest = Math.min(shortest, systemClock.monotonic() - from)
  }
  return shortest
}

async function ofGroups(
  config: Config,
  groups: readonly OperatorGroup[],
  admin: Admin,
  database: Database,
): Promise<readonly GroupFacts[]> {
  const progress = createProgressAdmin(database)
  const rows = new Map<string, readonly ProgressRow[]>()
  for (const { id, topic } of groups) rows.set(id, await progress.readProgress(id, topic))
  const rowsOf = ({ id }: OperatorGroup) => rows.get(id) ?? []
  const isExpected = (group: OperatorGroup) => config.kafka.groups.includes(group.name) || rowsOf(group).length > 0
  const expected = groups.filter((group) => group.enabled || isExpected(group))
  const present = await admin.topics([...new Set(expected.map(({ topic }) => topic))])
  const there = expected.filter(({ topic }) => present.has(topic))
  const measurer = lagMeasurer(there, admin, database)
  await measurer.measure()
  await systemClock.sleep(MEASURE_MS)
  const reports = new Map((await measurer.measure()).map((report) => [report.group, report]))
  const found: GroupFacts[] = []
  for (const group of expected) {
    const isMissing = !present.has(group.topic)
    found.push({
      name: group.name,
      group: group.id,
      topic: group.topic,
      report: reports.get(group.id) ?? null,
      offsets: isMissing ? [] : await offsetsOf(group, rowsOf(group), admin),
      isMissing,
      isExpected: isExpected(group),
    })
  }
  return found
}

async function offsetsOf({ id, topic }: OperatorGroup, rows: readonly ProgressRow[], admin: Admin): Promise<readonly PartitionOffsets[]> {
  const { members } = await admin.groupState(id)
  const committed = await admin.committed(id, topic)
  const [ranges, topicId, epochEnds] = [
    await admin.ranges(topic),
    await admin.topicId(topic),
    await admin.epochEnds(topic, leaderEpochs(rows)),
  ]
  return reportOffsets({ rows, committed, ranges, topicId, epochEnds, members })
}

/** Whether Kafka answers at least; groups are judged by the rows of the database. */
async function withoutDatabase(
  config: Config,
  groups: readonly OperatorGroup[],
  onAway: (sentence: string) => void,
): Promise<readonly GroupFacts[]> {
  try {
    await withKafka(config, (admin) => admin.topics(groups.map(({ topic }) => topic)))
  } catch (error) {
    onAway(sentenceOf(error))
  }
  return []
}

function sentenceOf(error: unknown): string {
  const known = error instanceof SqlError ? databaseSentence(error) : null
  if (known !== null) return known.message
  return error instanceof OperatorError ? asSentence(error.message) : asSentence(messageOf(error))
}

function objectOf(facts: StatusFacts, findings: readonly Finding[]): object {
  return {
    at: new Date(systemClock.now()).toISOString(),
    ok: findings.length === 0,
    findings,
    groups: facts.groups.map(({ group, topic, report }) => ({ group, topic, ...report, deadLetters: lettersOf(facts, group) })),
    outbox: facts.outbox,
  }
}

function show(facts: StatusFacts, findings: readonly Finding[], terminal: Terminal): void {
  if (findings.length === 0) terminal.out(coloured(terminal, 'Nothing is wrong.', 'good'))
  for (const { kind, sentence, command } of findings) {
    const [first = '', ...rest] = asSentence(sentence).split(' ')
    const tone = findingKinds.indexOf(kind) <= findingKinds.indexOf('falling-behind') ? 'bad' : 'warning'
    terminal.out(`${[coloured(terminal, first, tone), ...rest].join(' ')} Run: ${command}`)
  }
  if (findings.length > 0) terminal.out(`${RUNBOOK} (${[...new Set(findings.map(({ kind }) => kind))].join(', ')})`)
  const shown = facts.groups.filter(({ report }) => report !== null)
  if (shown.length === 0) return
  terminal.out('')
  terminal.out(
    renderTable(
      ['GROUP', 'VERDICT', 'LAG', 'BEHIND', 'MEMBERS', 'DUE', 'OLDEST DUE', 'DEAD LETTERS (24 H)'],
      shown.map(({ group, report }) => [
        group,
        report?.verdict.word ?? null,
        report?.lag ?? null,
        report?.secondsBehind ? roughly(report.secondsBehind * 1_000) : null,
        report?.members ?? null,
        report?.due?.reduce((sum, { count }) => sum + count, 0) ?? null,
        report?.oldestDueSeconds ? roughly(report.oldestDueSeconds * 1_000) : null,
        lettersOf(facts, group),
      ]),
      terminal.columns,
      terminal,
    ),
  )
}

function lettersOf({ deadLetters }: StatusFacts, group: string): number {
  return deadLetters.filter((one) => one.group === group).reduce((sum, { day }) => sum + day, 0)
}
