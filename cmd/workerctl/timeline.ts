import type { Command } from 'commander'
import type { Config } from '../../config/load.ts'
import { isProjecting } from '../../src/model/consumer.ts'
import { listedConsumers } from '../../src/consumers/registry.ts'
import { channelList } from '../../src/daemon/compose/channels.ts'
import { createProgressAdmin } from '../../src/infra/postgres/admin/postgres-progress-admin.ts'
import { createTimelineReader } from '../../src/infra/postgres/admin/postgres-timeline.ts'
import { checkSchema } from '../../src/infra/postgres/schema/schema-check.ts'
import { explainEvent, explainPerson, explainReward } from '../../src/admin/explain-event.ts'
import { uuidOf } from '../../src/admin/intents/intent-filter.ts'
import { parseTime } from '../../src/admin/time-option.ts'
import { groupsInUse, type OperatorGroup } from '../../src/admin/operator-group.ts'
import { loadTimeline } from '../../src/admin/timeline/load-timeline.ts'
import { newestEntries } from '../../src/admin/timeline/newest-entries.ts'
import { isUnknown, timelineAnswer } from '../../src/admin/timeline/timeline-answer.ts'
import { timelineEntries, type TimelineEntry } from '../../src/admin/timeline/timeline-entries.ts'
import type { TimelineFacts, TimelineSubject } from '../../src/admin/timeline/timeline-facts.ts'
import { stamp } from '../../src/std/ago.ts'
import { systemClock } from '../../src/std/clock.ts'
import { createTypeFilter } from '../../src/ingest/type-filter.ts'
import { OperatorError } from '../../src/std/failure.ts'
import type { Database, Sql } from '../../src/std/sql.ts'
import { configure, WHOLE_TABLE_MS, withDatabase } from './connections.ts'
import { addPersonOptions, personOption, type PersonOptions } from './person-option.ts'
import { renderJson } from './render-json.ts'
import { renderTable } from './render-table.ts'
import type { Terminal } from './terminal.ts'
import { wholeNumber } from './whole-number.ts'
import { DAY_MS } from '../../src/std/day.ts'

interface Options extends PersonOptions {
  readonly event?: string
  readonly campaign?: string
  readonly reward?: string
  readonly since?: string
  readonly limit: number
  readonly reveal?: boolean
  readonly json?: boolean
}

const HELP = `
The first line answers why a mail or a reward is missing, with the command that changes it. The table has everything on record in order
of time: rows of the platform, events and their outcomes, dead letters, intents with their reason, mails, webhooks, rewards, positions.
STATE is the current one. Reasons are explained in docs/reference/states.md. The intents of a person or a campaign are found by reading
the whole table, about a second per million; where an event seems to be missing, outcomes are read as well.
With --campaign, --email searches that campaign only. Addresses are masked without --reveal.

Examples:
  npm run workerctl -- timeline --email guest@example.com
  npm run workerctl -- timeline --user b1f6f0de-6a1c-4f8e-9d61-3f6f0a7c4d55 --since 2026-01-31T00:00:00Z
  npm run workerctl -- timeline --event 550e8400-e29b-41d4-a716-446655440000
  npm run workerctl -- timeline --campaign 0c9e6c1f-3b1d-4f0e-8d8a-5f0f7a1e2b33 --limit 20
  npm run workerctl -- timeline --reward 3f1c2a90-6f0e-4f5b-8a37-52a4f4d0c7b1      the id in user_rewards`

export function addTimeline(parent: Command, terminal: Terminal): void {
  addPersonOptions(
    parent
      .command('timeline')
      .alias('explain')
      .description('explain what happened to a person, an event, a campaign or a reward, in order of time'),
  )
    .option('--event <uuid>', 'the id of the event')
    .option('--campaign <uuid>', 'the id in campaigns; with --email, where to search')
    .option('--reward <uuid>', 'the id in user_rewards')
    .option('--since <time>', 'only what happened at or after this time, such as 7d or 2026-01-31T00:00:00Z')
    .option('--limit <count>', 'maximum number of lines, the newest', wholeNumber(1, 10_000), 100)
    .option('--reveal', 'show addresses')
    .option('--json', 'print one JSON object')
    .addHelpText('after', HELP)
    .action(async (options: Options) => {
      const { config, groups } = configure(terminal)
      const since = options.since === undefined ? null : parseTime('--since', options.since, systemClock.now())
      const subjectIn = subjectOf(options)
      const found = await withDatabase(
        config,
        async (database) => {
          await checkSchema(database.sql)
          return readTimeline(await subjectIn(database.sql), {
            config,
            groups,
            database,
            since,
            limit: options.limit,
            reveal: options.reveal === true,
          })
        },
        { statementTimeoutMs: WHOLE_TABLE_MS },
      )
      if (options.json === true) return terminal.out(renderJson(found))
      show(found, terminal)
    })
}

/** How to find what the timeline is of. @throws {OperatorError} none or several of the options are given, or one is malformed. */
function subjectOf(options: Options): (sql: Sql) => Promise<TimelineSubject> {
  const [event, campaign, reward] = [
    uuidOf('--event', options.event),
    uuidOf('--campaign', options.campaign),
    uuidOf('--reward', options.reward),
  ]
  const given = [options.user, options.email, event, options.email === undefined ? campaign : null, reward].filter(
    (one) => one !== null && one !== undefined,
  )
  if (given.length !== 1) throw new OperatorError('Give exactly one of --user, --email, --event, --campaign and --reward.')
  const findPerson = personOption(options)
  if (findPerson !== null) return async (sql) => ({ of: 'user', id: await findPerson(sql, campaign) })
  const subject: TimelineSubject =
    event !== null ? { of: 'event', id: event } : reward !== null ? { of: 'reward', id: reward } : { of: 'campaign', id: campaign ?? '' }
  return () => Promise.resolve(subject)
}

interface Reading {
  readonly config: Config
  readonly groups: readonly OperatorGroup[]
  readonly database: Database
  readonly since: Date | null
  readonly limit: number
  readonly reveal: boolean
}

interface Found {
  readonly subject: TimelineSubject
  readonly answer: string
  /** Group by group for an event; the row of a reward. */
  readonly sentences: readonly string[]
  readonly entries: readonly TimelineEntry[]
  /** Older entries are left out. How many is not known: of each kind no more rows are read than the limit can show. */
  readonly hasMore: boolean
}

async function readTimeline(subject: TimelineSubject, { config, groups, database, since, limit, reveal }: Reading): Promise<Found> {
  const now = systemClock.now()
  const used = await groupsInUse(groups, createProgressAdmin(database))
  const inUse = new Map(used.map(({ name, id }) => [name, id]))
  const facts = await loadTimeline(createTimelineReader(database.sql, channelList), subject, {
    groups: groups.map(({ id }) => id),
    inUse,
    rememberedFrom: new Date(now - config.accept.dedupeDays * DAY_MS),
    since,
    limit: limit + 1,
  })
  const known = used.map((group) => ({ ...group, consumer: listedConsumers.find(({ name }) => name === group.name) }))
  const readersOf = (type: string) =>
    known.filter(({ consumer }) => createTypeFilter(consumer?.types ?? []).handles(type)).map(({ id }) => id)
  const settings = { now, groups: inUse, readersOf, dedupeDays: config.accept.dedupeDays }
  const answer = timelineAnswer(facts, settings)
  if (isUnknown(facts)) throw new OperatorError(answer)
  const entries = timelineEntries(facts, settings, reveal).filter(({ at }) => since === null || at >= since)
  return {
    subject,
    answer,
    sentences: sentencesOf(facts, used),
    entries: newestEntries(entries, limit),
    hasMore: entries.length > limit,
  }
}

function sentencesOf(facts: TimelineFacts, used: readonly OperatorGroup[]): readonly string[] {
  const { subject, intents, outcomes, deadLetters, rewards, expected, mails } = facts
  // The answer says it for all groups.
  if (subject.of === 'event' && [outcomes, deadLetters, intents].every((list) => list.length === 0)) return []
  if (subject.of === 'reward') return explainReward(subject.id, rewards[0] ?? null, intents)
  if (subject.of === 'user') return [intents, expected, mails].every((list) => list.length === 0) ? explainPerson(subject.id, []) : []
  if (subject.of === 'campaign') return []
  const known = used.map((group) => {
    const consumer = listedConsumers.find(({ name }) => name === group.name)
    return { ...group, types: consumer?.types ?? [], projects: consumer !== undefined && isProjecting(consumer) }
  })
  const letters = deadLetters.filter(({ group }) => !outcomes.some((one) => one.group === group))
  const reasonOf = (group: string) => deadLetters.find((letter) => letter.group === group)?.reason ?? null
  const records = [
    ...outcomes.map((one) => ({ ...one, reason: one.outcome === 'dead-letter' ? reasonOf(one.group) : null })),
    ...letters.map((one) => ({ ...one, outcome: 'dead-letter', type: one.type ?? 'an unknown type' })),
  ]
  const writers = Object.values(channelList).filter((one) => one.destinations === null && one.writesIntents)
  const hasMails = intents.some(({ channel }) => writers.some(({ name }) => name === channel))
  return [...explainEvent(known, records, intents), ...(hasMails ? [`Its mails: workerctl intents list --event ${subject.id}.`] : [])]
}

function show({ answer, sentences, entries, hasMore }: Found, terminal: Terminal): void {
  const now = systemClock.now()
  terminal.out(answer)
  for (const sentence of sentences) terminal.out(sentence)
  if (entries.length === 0) return
  terminal.out('')
  terminal.out(
    renderTable(
      ['TIME', 'WHAT', 'STATE', 'REASON', 'ID', 'DETAIL'],
      entries.map(({ at, what, state, reason, id, text }) => [stamp(at, now), what, state, reason, id, text]),
      terminal.columns,
    ),
  )
  if (hasMore) terminal.out('Older lines are left out: raise --limit for more.')
}
