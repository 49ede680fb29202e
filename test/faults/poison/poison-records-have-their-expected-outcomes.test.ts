import { execFile } from 'node:child_process'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { startKafka } from '../../../stack/kafka-broker.ts'
import { knownGroups, tablesOf } from '../../../src/consumers/registry.ts'
import { migrate } from '../../../src/infra/postgres/schema/migrate-schema.ts'
import type { Group } from '../../invariants/history.ts'
import type { Daemon } from '../../support/daemon.ts'
import { groupPromises } from '../../support/faults/group-promises.ts'
import { Platform } from '../../support/platform.ts'
import { POISON_PARTITION, readTopic, sendPoison, type Letter, type SentRow } from '../../support/poison/poison-log.ts'
import { eventIdOfRow, type PoisonRecord } from '../../support/poison/poison-record.ts'
import { endOf, poisonRows, type End, type PoisonRow } from '../../support/poison/poison-row.ts'
import { createFixture, type Fixture } from '../../support/fixture.ts'
import { doubledMails, effects, createMixedEvents, wrongPositions } from '../../support/mixed-events.ts'

const run = promisify(execFile)

const MEGABYTE = 1_000_000
/**
 * What the daemon may take over what it has before, in bytes. Every group at once holds a record of 10 MB as fetched and in its dead letter, one
 * of them in requests, and 100,000 headers as objects: 180 MB of buffers were seen. The heap may grow to three times what lives, and malloc
 * keeps freed buffers: 260 to 420 MB were measured, and 546 once.
 */
const MEMORY_BOUND = 650 * MEGABYTE

/**
 * Fault: Hundreds of bad records, one table row each, stand between good ones.
 * Promise: Each ends in every group as its row says, nothing crashes, stalls or grows, and the good records around them are processed.
 */
test('hundreds of poison records each end in every group as their table row says, once even when read again, and affect no good record', async () => {
  expect(poisonRows.length).toBeGreaterThanOrEqual(200)
  expect(new Set(poisonRows.map(({ name }) => name)).size).toBe(poisonRows.length)
  const kafka = await startKafka({
    properties: { 'message.max.bytes': 12 * MEGABYTE, 'log.message.timestamp.after.max.ms': '9223372036854775807' },
  })
  onTestFinished(() => kafka.stop())
  await using fixture = await createFixture({ brokers: kafka.bootstrap, partitions: 2, groups: knownGroups.groups })
  for (const set of tablesOf(fixture.groups)) await migrate({ connectionString: fixture.databaseUrl }, set)
  const mixed = await createMixedEvents(new Platform(fixture.sql), fixture, 500)
  // Poison takes processor time, and a busy machine makes much of it: no deadline is tried here.
  const settings = { MISSING_ROW_WAIT_MS: '0', KAFKA_SESSION_TIMEOUT_MS: '60000', MAIL_DEADLINE_MS: '60000' }
  const daemon = fixture.daemon(settings)
  await daemon.ready()
  await using memory = watchMemory(daemon)

  const sent = await sendPoison(kafka.bootstrap, fixture.topic, mixed.events)
  await fixture.drained()
  const { before, peak } = await memory.stop()

  expect(await ends(fixture, sent)).toEqual(expected(fixture, sent))
  expect(await letters(fixture, kafka.bootstrap, sent)).toEqual([])
  expect(fixture.smtp.counters.mails).toBe(mixed.mails)
  expect(doubledMails(fixture)).toEqual([])
  expect(await wrongPositions(fixture, 3)).toEqual([])
  expect(troubles(daemon)).toEqual([])
  expect(peak - before).toBeLessThan(MEMORY_BOUND)

  // Read once more from the beginning, with all that is on record.
  const done = await effects(fixture)
  daemon.kill('SIGTERM')
  expect(await daemon.exited).toBe(0)
  await fixture.sql.query('UPDATE worker.progress SET next_offset = 0')
  const again = fixture.daemon(settings)
  await again.ready()
  await fixture.drained()
  expect(await ends(fixture, sent)).toEqual(expected(fixture, sent))
  expect(await effects(fixture)).toEqual(done)
  // That the row lies behind Kafka's offset is what was done to it.
  expect(troubles(again).filter((line) => !line.includes('database-behind-kafka'))).toEqual([])
})

function groupsOf(fixture: Fixture): readonly Group[] {
  return groupPromises(fixture.groups, fixture.groupPrefix)
}

/** `row in group: end`, for what can be told apart in the database. */
function expected(fixture: Fixture, sent: readonly SentRow[]): readonly string[] {
  return sent.flatMap(({ row }) => groupsOf(fixture).map((group) => `${row.name} in ${group.name}: ${endOf(row, group)}`))
}

async function ends(fixture: Fixture, sent: readonly SentRow[]): Promise<readonly string[]> {
  const place = [fixture.topic, POISON_PARTITION]
  const dead = await fixture.sql.query<{ place: string; reason: string }>(
    `SELECT group_name || '/' || "offset" AS place, reason FROM worker.dead_letters WHERE topic = $1 AND partition = $2`,
    place,
  )
  const outcomes = await fixture.sql.query<{ place: string; owner: string; outcome: string }>(
    `SELECT group_name || '/' || "offset" AS place, group_name || '/' || event_id AS owner, outcome FROM worker.outcomes
      WHERE topic = $1 AND partition = $2`,
    place,
  )
  const reasons = new Map(dead.map((row) => [row.place, row.reason]))
  const byPlace = new Map(outcomes.map((row) => [row.place, row.outcome]))
  const byId = new Set(outcomes.map((row) => row.owner))
  return sent.flatMap(({ row, offset }) =>
    groupsOf(fixture).map((group) => {
      const at = `${group.id}/${offset}`
      const reason = reasons.get(at)
      const isOnRecord = endOf(row, group) === 'repeated' && byId.has(`${group.id}/${eventIdOfRow(row)}`)
      const end = reason === undefined ? (byPlace.get(at) ?? (isOnRecord ? 'repeated' : 'skipped')) : `dead-letter:${reason}`
      return `${row.name} in ${group.name}: ${end}`
    }),
  )
}

/** What is wrong with the dead-letter topics: a letter or more for each row that ends so, each as it was sent, and no others. */
async function letters(fixture: Fixture, brokers: readonly string[], sent: readonly SentRow[]): Promise<readonly string[]> {
  const wrong: string[] = []
  for (const group of groupsOf(fixture)) {
    const topic = `${fixture.topic}.${group.id}.dlq`
    const ranges = await fixture.admin.ranges(topic)
    const found = await readTopic(
      brokers,
      topic,
      [...ranges.values()].reduce((sum, { low, high }) => sum + high - low, 0n),
    )
    const byOffset = Map.groupBy(found, ({ headers }) => String(headers['dlq-original-offset']))
    for (const { row, record, offset } of sent) {
      const end = endOf(row, group)
      const of = byOffset.get(String(offset)) ?? []
      byOffset.delete(String(offset))
      const dead = end.startsWith('dead-letter:')
      if (dead ? of.length === 0 : of.length > 0) wrong.push(`${row.name} in ${group.name}: ${of.length} letters`)
      if (dead && !of.every((letter) => isLetterOf(letter, row, record, end)))
        wrong.push(`${row.name} in ${group.name}: its letter differs`)
    }
    for (const offset of byOffset.keys()) wrong.push(`${group.name}: a letter of ${offset}, where no poison is`)
  }
  return wrong
}

function isLetterOf(letter: Letter, row: PoisonRow, record: PoisonRecord, end: End): boolean {
  const { 'dlq-error-code': code, 'value-omitted': omitted, ...headers } = letter.headers
  const theirs = Object.keys(headers).filter((name) => !name.startsWith('dlq-'))
  const its = Object.entries(record.headers).filter(([name]) => row.ours?.includes(name) !== true)
  return (
    String(code) === end.slice('dead-letter:'.length) &&
    letter.partition === POISON_PARTITION &&
    equal(letter.key, record.key) &&
    (row.letter === 'value-omitted' ? letter.value === null && String(omitted) === 'true' : equal(letter.value, record.value)) &&
    theirs.length === its.length &&
    its.every(([name, value]) => equalHeader(Object.getOwnPropertyDescriptor(headers, name)?.value, value))
  )
}

function equal(one: Buffer | null, other: Buffer | null): boolean {
  return one === null || other === null ? one === other : Buffer.compare(one, other) === 0
}

function equalHeader(found: unknown, sent: Buffer | readonly Buffer[]): boolean {
  if (Buffer.isBuffer(sent)) return Buffer.isBuffer(found) && equal(found, sent)
  return Array.isArray(found) && found.length === sent.length && sent.every((one, at) => equalHeader(found[at], one))
}

/** Log lines of anything but dead letters that say that something went wrong, and what is no log line. */
function troubles(daemon: Daemon): readonly string[] {
  return [
    ...daemon.lines
      .filter(({ level, msg }) => ['error', 'fatal'].includes(level) && msg !== 'dead letter')
      .map((line) => JSON.stringify(line)),
    ...daemon.lines.filter(({ msg }) => msg === 'waiting').map((line) => JSON.stringify(line)),
    ...daemon.other,
  ]
}

interface MemoryWatch extends AsyncDisposable {
  /** Resident bytes at first and at most. */
  stop(): Promise<{ readonly before: number; readonly peak: number }>
}

/** Looks at the daemon's memory all the time. */
function watchMemory(daemon: Daemon): MemoryWatch {
  let stopped = false
  const look = async () => Number((await run('ps', ['-o', 'rss=', '-p', String(daemon.pid)])).stdout) * 1_024
  const watching = (async () => {
    const before = await look()
    let peak = before
    while (!stopped) {
      peak = Math.max(peak, await look())
      await pause(100)
    }
    return { before, peak }
  })()
  const stop = () => {
    stopped = true
    return watching
  }
  return {
    stop,
    async [Symbol.asyncDispose]() {
      await stop()
    },
  }
}
