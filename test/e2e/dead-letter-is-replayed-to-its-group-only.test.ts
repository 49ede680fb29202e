import { randomUUID } from 'node:crypto'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { eventIdOf } from '../../src/events/identity.ts'
import { eventually } from '../support/eventually.ts'
import { createFixture, type Fixture } from '../support/fixture.ts'
import { Platform } from '../support/platform.ts'
import { runWorkerctl } from '../integration/workerctl-fixture.ts'

interface Line {
  readonly letter: string
  readonly group: string
  readonly reason: string
  readonly state: string
  readonly replays: number
  readonly fingerprint: string
}

const workerctl = (fixture: Fixture, ...args: readonly string[]) => runWorkerctl(args, fixture.variables)

async function listed(fixture: Fixture, ...args: readonly string[]): Promise<readonly Line[]> {
  const { out, err, code } = await workerctl(fixture, 'dlq', 'list', '--json', ...args)
  if (code !== 0) throw new Error(err)
  return JSON.parse(out).records
}

const stateOf = (fixture: Fixture, state: string, count: number) =>
  eventually(`${count} letters are ${state}`, async () => {
    const found = await listed(fixture, '--state', state)
    return found.length === count || JSON.stringify(await listed(fixture, '--state', 'all'))
  })

/** Two groups that handle a sign-up: one sends mails, the other keeps rows of its own. */
async function bothGroups(): Promise<Fixture> {
  const fixture = await createFixture({ groups: ['email-workers', 'analytics-workers'] })
  await workerctl(fixture, 'migrate')
  await fixture.daemon().ready()
  return fixture
}

/** A sign-up whose address is missing, which each group that handles it gives up. */
async function poison(fixture: Fixture) {
  const platform = new Platform(fixture.sql)
  const campaign = await platform.campaign()
  const person = await platform.person(campaign)
  const data = { user_id: person.userId, campaign_id: campaign.campaignId }
  const event = {
    id: eventIdOf('user.signed_up', { ...data, email: person.email }),
    type: 'user.signed_up',
    account_id: campaign.accountId,
    campaign_id: campaign.campaignId,
    data,
    timestamp: new Date().toISOString(),
  }
  await fixture.sendRaw([{ key: campaign.campaignId, value: Buffer.from(JSON.stringify(event)), headers: { 'event-type': event.type } }])
  const repaired = { ...event, data: { ...data, email: person.email } }
  return { campaign, person, event, repaired }
}

/** Waits until no intent is unfinished. */
const sent = (fixture: Fixture) =>
  eventually('every intent has ended', async () => {
    const rows = await fixture.sql.query<{ state: string }>("SELECT DISTINCT state FROM worker.intents WHERE channel = 'email'")
    return (rows.length > 0 && rows.every(({ state }) => state === 'sent')) || JSON.stringify(rows)
  })

async function fileOf(content: object): Promise<string> {
  const file = join(await mkdtemp(join(tmpdir(), 'dlq-')), 'event.json')
  await writeFile(file, JSON.stringify(content))
  return file
}

test('a dead letter is grouped, shown at its field, edited and replayed: its group acts once, and no other group or topic is touched', async () => {
  await using fixture = await bothGroups()
  const { person, event, repaired } = await poison(fixture)
  const groups = ['email-workers', 'analytics-workers'].map((name) => fixture.group(name))
  await eventually('both groups give it up', async () => (await listed(fixture)).length === groups.length || 'not yet')
  expect((await listed(fixture)).map(({ group }) => group).toSorted()).toEqual(groups.toSorted())
  const ranges = async () =>
    JSON.stringify([...(await fixture.admin.ranges(fixture.topic))].map(([partition, { high }]) => [partition, String(high)]))
  const before = await ranges()

  const mine = (await listed(fixture, '--group', 'email-workers'))[0]
  const letter = mine?.letter ?? ''
  const fingerprint = mine?.fingerprint ?? ''
  const alike = JSON.parse((await workerctl(fixture, 'dlq', 'groups', '--json', '--group', 'email-workers')).out).groups
  expect(alike).toMatchObject([{ fingerprint, reason: 'invalid-data', type: 'user.signed_up', count: 1, owner: null }])
  expect((await workerctl(fixture, 'dlq', 'note', fingerprint, '--owner', 'ada', '--note', 'the importer')).code).toBe(0)

  const shown = await workerctl(fixture, 'dlq', 'show', letter)
  expect(shown).toMatchObject({ code: 0, err: '' })
  expect(shown.out).toMatch(/\/data\/email +required +-/)
  expect(shown.out).toContain('It would fail again as invalid-data: / breaks required: email.')
  expect(shown.out).toContain('the importer')

  const unrepaired = await workerctl(fixture, 'dlq', 'edit', letter, '--file', await fileOf(event), '--owner', 'ada')
  expect(unrepaired).toMatchObject({ code: 1, out: '' })
  expect(unrepaired.err).toBe('The copy was not stored: it would fail as invalid-data (/ breaks required: email). Correct the copy.')

  // As it is, it fails again: it stays a dead letter, and the note with it.
  expect((await workerctl(fixture, 'dlq', 'replay', letter, '--owner', 'ada', '--confirm', '1')).code).toBe(0)
  await eventually('it failed again', async () => (await listed(fixture, '--group', 'email-workers'))[0]?.replays === 1 || 'not yet')
  expect(JSON.parse((await workerctl(fixture, 'dlq', 'groups', '--json', '--group', 'email-workers')).out).groups).toMatchObject([
    { fingerprint, count: 1, replayed: 1, owner: 'ada', note: 'the importer' },
  ])

  const edit = await workerctl(
    fixture,
    'dlq',
    'edit',
    letter,
    '--file',
    await fileOf(repaired),
    '--owner',
    'ada',
    '--because',
    'no address',
  )
  expect(edit).toMatchObject({ code: 0, err: '' })
  expect(edit.out).toContain('Stored. A replay would accept it. Replay it: npm run workerctl -- dlq replay')
  const dry = await workerctl(fixture, 'dlq', 'replay', letter, '--owner', 'ada')
  expect(dry.out).toContain('1 would be accepted.')
  expect(dry.out).toContain('about 1 person.')
  expect(dry.out).toMatch(/ {2}1 mail welcome to 1 person would be sent: ".+" \(1\)\./)
  expect(dry.out).toContain('Nothing was changed: add --confirm 1 to request this replay.')
  expect(await fixture.sql.query("SELECT FROM worker.intents WHERE channel = 'email'")).toEqual([])
  expect((await workerctl(fixture, 'dlq', 'replay', letter, '--owner', 'ada', '--confirm', '2')).err).toContain(
    '--confirm is 2, but the plan has 1 dead letter',
  )
  expect((await workerctl(fixture, 'dlq', 'replay', letter, '--owner', 'ada', '--confirm', '1', '--json')).code).toBe(0)
  await stateOf(fixture, 'resolved', 1)
  await sent(fixture)
  expect(fixture.smtp.mails.map(({ recipients }) => recipients)).toEqual([[person.email]])

  // The other group's letter is as it was, and nothing was published.
  expect(await listed(fixture)).toMatchObject([{ group: fixture.group('analytics-workers'), state: 'open', replays: 0 }])
  expect(await ranges()).toBe(before)
  expect(await fixture.sql.query('SELECT DISTINCT group_name FROM worker.outcomes')).toEqual([
    { group_name: fixture.group('email-workers') },
  ])
  expect(await fixture.sql.query('SELECT FROM analytics.event_counts')).toEqual([])
  const history = JSON.parse((await workerctl(fixture, 'dlq', 'show', letter, '--json')).out)
  expect(history.actions).toMatchObject([
    { action: 'replay', owner: 'ada' },
    { action: 'failed', because: 'invalid-data: / breaks required: email' },
    { action: 'edit', owner: 'ada', because: 'no address' },
    { action: 'replay', owner: 'ada' },
    { action: 'resolved', because: 'accepted' },
  ])
  expect(JSON.stringify(history)).not.toContain(person.email)
  expect((await workerctl(fixture, 'dlq', 'show', letter, '--json', '--reveal')).out).toContain(person.email)
})

test('a replay of an event that was handled meanwhile sends nothing, a discarded dead letter is no longer counted, and one whose id is taken is said to fail again', async () => {
  await using fixture = await bothGroups()
  const { campaign, person, repaired } = await poison(fixture)
  await eventually('both groups give it up', async () => (await listed(fixture)).length === 2 || 'not yet')
  await fixture.publisher.publishUserSignedUp({ ...campaign, ...person })
  await sent(fixture)
  expect(fixture.smtp.mails).toHaveLength(1)

  const letter = `email-workers/${(await listed(fixture, '--group', 'email-workers'))[0]?.letter.split('/').slice(1).join('/')}`
  await workerctl(fixture, 'dlq', 'edit', letter, '--file', await fileOf(repaired), '--owner', 'ada')
  expect((await workerctl(fixture, 'dlq', 'show', letter)).out).toContain('The group has handled it meanwhile: a replay would do nothing.')
  const dry = await workerctl(fixture, 'dlq', 'replay', letter, '--owner', 'ada', '--dry-run')
  expect(dry.out).toContain('1 handled already under the same id: nothing would happen.')
  await workerctl(fixture, 'dlq', 'replay', letter, '--owner', 'ada', '--confirm', '1')
  await stateOf(fixture, 'resolved', 1)
  expect(await fixture.sql.query("SELECT FROM worker.intents WHERE channel = 'email'")).toHaveLength(1)
  expect(fixture.smtp.mails).toHaveLength(1)

  const rest = ['--group', 'analytics-workers', '--owner', 'ada', '--because', 'a test']
  expect((await workerctl(fixture, 'dlq', 'discard', ...rest)).out).toContain('Nothing was changed: add --confirm 1 to discard them.')
  expect((await workerctl(fixture, 'dlq', 'discard', ...rest, '--confirm', '1')).out).toContain('Discarded: 1 dead letter.')
  expect((await workerctl(fixture, 'dead-letters', 'list')).out).toBe('There are no dead letters.')
  expect((await listed(fixture, '--state', 'discarded')).map(({ group }) => group)).toEqual([fixture.group('analytics-workers')])

  // Another event under an id that is taken is one that this build can read, and would fail again all the same.
  const other = { ...repaired, data: { ...repaired.data, user_id: randomUUID() } }
  await fixture.sendRaw([{ key: campaign.campaignId, value: Buffer.from(JSON.stringify(other)), headers: { 'event-type': other.type } }])
  await eventually('both groups give it up', async () => (await listed(fixture)).length === 2 || 'not yet')
  for (const { letter: taken } of await listed(fixture)) {
    expect((await workerctl(fixture, 'dlq', 'show', taken)).out).toContain(
      'It would fail again as id-conflict: its id is on record for another event.',
    )
  }
})
