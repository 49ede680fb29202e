import { randomUUID } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { tempFolder } from '../../stack/temp-folder.ts'
import { contentHashOf } from '../../src/events/identity.ts'
import { eventually } from '../support/eventually.ts'
import { sampleEvent } from '../support/sample-event.ts'
import { createWorkerctlFixture, type WorkerctlFixture } from './workerctl-fixture.ts'

const DAY_MS = 86_400_000

/** The names of that many dead letters of a group, whose records are no JSON objects. */
async function deadLetters(
  s: WorkerctlFixture,
  count: number,
  { name = 'email-workers', at = new Date() } = {},
): Promise<readonly string[]> {
  await s.produce(0, count, at)
  for (let offset = 0; offset < count; offset++) {
    await s.database.sql.query(
      `INSERT INTO worker.dead_letters (group_name, topic, partition, "offset", reason, detail, at)
       VALUES ($1, $2, 0, $3, 'not-json', 'the value is not JSON', $4)`,
      [s.prefix + name, s.topic, offset, at],
    )
  }
  return Array.from({ length: count }, (_, offset) => `${s.prefix}${name}/0/${offset}`)
}

async function edit(s: WorkerctlFixture, letter: string, event: object, ...args: readonly string[]) {
  const folder = tempFolder('edit')
  onTestFinished(() => folder.remove())
  const file = join(folder.path, 'event.json')
  await writeFile(file, JSON.stringify(event))
  return s.workerctl(['dlq', 'edit', letter, '--file', file, '--owner', 'ada', ...args])
}

const stored = (s: WorkerctlFixture) => s.database.sql.query('SELECT FROM worker.dead_letter_copies')

test('an edited copy whose id is on record for another event is refused, and stored under an id of its own', async () => {
  await using s = await createWorkerctlFixture()
  const [letter = ''] = await deadLetters(s, 1)
  const event = sampleEvent('user.signed_up')
  await s.database.sql.query(
    `INSERT INTO worker.outcomes (group_name, event_id, type, content_hash, topic, partition, "offset", outcome)
     VALUES ($1, $2, 'user.signed_up', '\\x00', $3, 0, 7, 'accepted')`,
    [s.group, event.id, s.topic],
  )
  for (const json of [[], ['--json']]) {
    expect(await edit(s, letter, event, ...json)).toEqual({
      code: 1,
      out: '',
      err: 'The copy was not stored: it would fail as id-conflict (its id is on record for another event). Give it an id of its own.',
    })
  }
  expect(await stored(s)).toEqual([])
  const own = await edit(s, letter, { ...event, id: randomUUID() })
  expect(own).toMatchObject({ code: 0, err: '' })
  expect(own.out).toMatch(/^Stored\. A replay would accept it\. Replay it: /)
  expect(await stored(s)).toHaveLength(1)

  // The same fact has been accepted since, under a third id: a replay would mail the person twice, and every step says so.
  const knownAs = randomUUID()
  await s.database.sql.query(
    `INSERT INTO worker.outcomes (group_name, event_id, type, content_hash, topic, partition, "offset", outcome)
     VALUES ($1, $2, 'user.signed_up', $3, $4, 0, 8, 'accepted')`,
    [s.group, knownAs, contentHashOf('user.signed_up', event.data), s.topic],
  )
  const again = `A replay would accept it. The group has accepted the same under the id ${knownAs}: the effect would come a second time.`
  expect((await edit(s, letter, { ...event, id: randomUUID() })).out).toContain(`Stored. ${again} Replay it: `)
  expect((await s.workerctl(['dlq', 'show', letter])).out).toContain(again)
  const plan = ['dlq', 'replay', letter, '--owner', 'ada', '--dry-run']
  expect((await s.workerctl(plan)).out).toContain(
    `1 would have its effect a second time: its group has accepted the same under another id (${letter} as event ${knownAs}).`,
  )
  expect(JSON.parse((await s.workerctl([...plan, '--json'])).out).repeats).toEqual([{ letter, knownAs }])
  await s.database.sql.query(`UPDATE worker.outcomes SET outcome = 'dead-letter' WHERE event_id = $1`, [knownAs])
  expect(JSON.parse((await s.workerctl([...plan, '--json'])).out).repeats).toEqual([])
})

test.each([
  ['email-workers', 'worker.intents'],
  ['analytics-workers', 'analytics.event_counts'],
])('an edited copy for %s is not stored while %s is locked, so that its replay cannot be tried', async (name, table) => {
  await using s = await createWorkerctlFixture()
  await s.workerctl(['migrate'], { environment: { KAFKA_GROUPS: 'email-workers,analytics-workers' } })
  const [letter = ''] = await deadLetters(s, 1, { name })
  await s.database.transaction(async (tx) => {
    await tx.query(`LOCK TABLE ${table} IN EXCLUSIVE MODE`)
    const { code, out, err } = await edit(s, letter, sampleEvent('user.signed_up'))
    expect({ code, out }).toEqual({ code: 1, out: '' })
    expect(err).toMatch(
      /^The copy was not stored, because its replay could not be tried\. A row or table stays locked by another session .*try again\.$/,
    )
  })
  expect(await stored(s)).toEqual([])
})

test('an edited copy of a record that is older than the dedupe window is stored, and the command says that its replay needs --allow-older', async () => {
  await using s = await createWorkerctlFixture()
  const [letter = ''] = await deadLetters(s, 1, { at: new Date(Date.now() - 400 * DAY_MS) })
  expect(await edit(s, letter, sampleEvent('user.signed_up'))).toEqual({
    code: 0,
    err: '',
    out: `Stored. The record is older than DEDUPE_DAYS, so its replay needs --allow-older. A replay would accept it. Replay it: npm run workerctl -- dlq replay ${letter} --owner ada --allow-older`,
  })
  const shown = await s.workerctl(['dlq', 'show', letter])
  expect(shown.out).toContain('The record is older than DEDUPE_DAYS, so its replay needs --allow-older. A replay would accept it.')
  expect(shown.out).toContain(`npm run workerctl -- dlq replay ${letter} --owner NAME --allow-older`)
  const { out } = await s.workerctl(['dlq', 'replay', letter, '--owner', 'ada', '--allow-older'])
  expect(out).toContain('1 would be accepted.')
})

test('a dead letter whose replay is requested, or has accepted it, is not edited', async () => {
  await using s = await createWorkerctlFixture()
  const [letter = ''] = await deadLetters(s, 1)
  const event = sampleEvent('user.signed_up')
  expect(await s.workerctl(['dlq', 'replay', letter, '--owner', 'ada', '--confirm', '1'])).toMatchObject({ code: 0 })
  expect((await edit(s, letter, event)).err).toContain('is requested: only open and discarded ones can be edited; wait for its replay')
  await s.database.sql.query(`UPDATE worker.dead_letters SET state = 'resolved'`)
  expect(await edit(s, letter, event)).toMatchObject({
    code: 1,
    err: `${letter} is resolved: only open and discarded ones can be edited; a replay has accepted it. Nothing was stored.`,
  })
})

test.each([
  ['replay', 'requested', 'Requested: 1 dead letter; the others were changed meanwhile.'],
  ['discard', 'discarded', 'Discarded: 1 dead letter; the others were changed meanwhile.'],
])(
  'a confirmed %s of dead letters that another operator has %s meanwhile fails, and one of which a part is left is done',
  async (verb, state, partly) => {
    await using s = await createWorkerctlFixture()
    const [first = '', second = ''] = await deadLetters(s, 2)
    const change = (...args: readonly string[]) => ['dlq', verb, ...args, '--owner', 'bob', '--because', 'a test']
    /** Another operator, who is quicker than the one at the prompt. */
    const quicker = (letters: readonly string[]) => async () => {
      expect(await s.workerctl([...change(...letters), '--confirm', String(letters.length)])).toMatchObject({ code: 0, err: '' })
      return 'yes'
    }
    const some = await s.workerctl(change('--reason', 'not-json'), { answer: quicker([first]) })
    expect(some).toMatchObject({ code: 0, err: '' })
    expect(some.out).toContain(partly)
    const states = () => s.database.sql.query('SELECT state FROM worker.dead_letters ORDER BY "offset"')
    expect(await states()).toEqual([{ state }, { state }])

    await s.database.sql.query(`UPDATE worker.dead_letters SET state = 'open'`)
    const none = await s.workerctl(change('--reason', 'not-json'), { answer: quicker([first, second]) })
    expect(none).toMatchObject({
      code: 1,
      err: `Nothing was changed: another operator, or a daemon, has changed all that was selected (2 dead letters) meanwhile; "dlq show ${first}" shows what was done.`,
    })
    expect(none.out).not.toMatch(/Requested|Discarded/)
    expect(await s.database.sql.query('SELECT FROM worker.dead_letter_actions')).toHaveLength(4)
  },
)

test('with --json a confirmed replay of which nothing is left prints its object, and fails', async () => {
  await using s = await createWorkerctlFixture()
  const [letter = ''] = await deadLetters(s, 1)
  const args = ['dlq', 'replay', letter, '--owner', 'ada', '--confirm', '1', '--json']
  // Both select the letter before one of them takes it, because the rows cannot be changed for so long.
  const both = await s.database.transaction(async (tx) => {
    await tx.query('SELECT FROM worker.dead_letters FOR UPDATE')
    const running = [s.workerctl(args), s.workerctl(args)]
    await eventually('both wait for the letter', async () => {
      const waiting = await s.database.sql.query(
        `SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'workerctl' AND wait_event_type = 'Lock'`,
      )
      return waiting.length === 2 || `${waiting.length} wait`
    })
    return { running }
  })
  const ran = (await Promise.all(both.running)).toSorted((a, b) => a.code - b.code)
  expect(ran.map(({ code }) => code)).toEqual([0, 1])
  expect(ran.map(({ out }) => JSON.parse(out))).toMatchObject([
    { applied: true, requested: 1 },
    { applied: false, requested: 0 },
  ])
  expect(ran[1]?.err).toMatch(/^Nothing was changed: another operator/)
})

test('an edit of a dead letter whose replay another operator requests meanwhile says so', async () => {
  await using s = await createWorkerctlFixture()
  const [letter = ''] = await deadLetters(s, 1)
  const edited = await s.database.transaction(async (tx) => {
    await tx.query(`UPDATE worker.dead_letters SET state = 'requested'`)
    const running = edit(s, letter, sampleEvent('user.signed_up'))
    await eventually('the edit waits for the letter', async () => {
      const waiting = await s.database.sql.query(
        `SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'workerctl' AND wait_event_type = 'Lock'`,
      )
      return waiting.length === 1 || `${waiting.length} wait`
    })
    return { running }
  })
  const { code, err } = await edited.running
  expect({ code, err }).toEqual({
    code: 1,
    err: `${letter} is requested: only open and discarded ones can be edited; wait for its replay, or withdraw it by "dlq discard ${letter} --owner NAME --because TEXT". Nothing was stored.`,
  })
  expect(await stored(s)).toEqual([])
})
