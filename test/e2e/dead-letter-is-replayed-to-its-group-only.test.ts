import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { eventIdOf } from '../../src/events/identity.ts'
import { eventually } from '../support/eventually.ts'
import { createFixture, type Fixture } from '../support/fixture.ts'
import { Platform } from '../support/platform.ts'
import { workerctlFor } from '../support/workerctl-for.ts'

interface Line {
  readonly letter: string
  readonly group: string
  readonly reason: string
  readonly state: string
  readonly replays: number
  readonly fingerprint: string
}

async function listed(fixture: Fixture, ...args: readonly string[]): Promise<readonly Line[]> {
  const { out, err, code } = await workerctlFor(fixture, 'dlq', 'list', '--json', ...args)
  if (code !== 0) throw new Error(err)
  return JSON.parse(out).records
}

const stateOf = (fixture: Fixture, state: string, count: number) =>
  eventually(`${count} letters are ${state}`, async () => {
    const found = await listed(fixture, '--state', state)
    return found.length === count || JSON.stringify(await listed(fixture, '--state', 'all'))
  })

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

async function fileOf(content: object): Promise<string> {
  const file = join(await mkdtemp(join(tmpdir(), 'dlq-')), 'event.json')
  await writeFile(file, JSON.stringify(content))
  return file
}

test('a dead letter is grouped, shown at its field, edited and replayed: its group acts once, and no other group or topic is touched', async () => {
  await using fixture = await createFixture()
  await fixture.daemon().ready()
  const { person, event, repaired } = await poison(fixture)
  const groups = ['email-workers', 'position-workers'].map((name) => fixture.group(name))
  await eventually('both groups give it up', async () => (await listed(fixture)).length === groups.length || 'not yet')
  expect((await listed(fixture)).map(({ group }) => group).toSorted()).toEqual(groups.toSorted())
  const ranges = async () => JSON.stringify([...(await fixture.admin.ranges(fixture.topic))].map(([partition, { high }]) => [partition, String(high)]))
  const before = await ranges()

  const mine = (await listed(fixture, '--group', 'email-workers'))[0]
  const letter = mine?.letter ?? ''
  const fingerprint = mine?.fingerprint ?? ''
  const alike = JSON.parse((await workerctlFor(fixture, 'dlq', 'groups', '--json', '--group', 'email-workers')).out).groups
  expect(alike).toMatchObject([{ fingerprint, reason: 'invalid-data', type: 'user.signed_up', count: 1, owner: null }])
  expect((await workerctlFor(fixture, 'dlq', 'note', fingerprint, '--owner', 'ada', '--note', 'the importer')).code).toBe(0)

  const shown = await workerctlFor(fixture, 'dlq', 'show', letter)
  expect(shown).toMatchObject({ code: 0, err: '' })
  expect(shown.out).toMatch(/\/data\/email +required +-/)
  expect(shown.out).toContain('It would fail again as invalid-data: /data breaks required: email.')
  expect(shown.out).toContain('the importer')

  const unrepaired = await workerctlFor(fixture, 'dlq', 'edit', letter, '--file', await fileOf(event), '--owner', 'ada')
  expect(unrepaired).toMatchObject({ code: 1, out: '' })
  expect(unrepaired.err).toBe('The copy was not stored: it would fail as invalid-data (/data breaks required: email).')

  // As it is, it fails again: it stays a dead letter, and the note with it.
  expect((await workerctlFor(fixture, 'dlq', 'replay', letter, '--owner', 'ada', '--confirm', '1')).code).toBe(0)
  await eventually('it failed again', async () => (await listed(fixture, '--group', 'email-workers'))[0]?.replays === 1 || 'not yet')
  expect(JSON.parse((await workerctlFor(fixture, 'dlq', 'groups', '--json', '--group', 'email-workers')).out).groups).toMatchObject([
    { fingerprint, count: 1, replayed: 1, owner: 'ada', note: 'the importer' },
  ])

  const edit = await workerctlFor(fixture, 'dlq', 'edit', letter, '--file', await fileOf(repaired), '--owner', 'ada', '--because', 'no address')
  expect(edit).toMatchObject({ code: 0, err: '' })
  const dry = await workerctlFor(fixture, 'dlq', 'replay', letter, '--owner', 'ada')
  expect(dry.out).toContain('1 would be accepted.')
  expect(dry.out).toContain('about 1 person.')
  expect(dry.out).toContain('Nothing was changed: add --confirm 1 to request this replay.')
  expect(await fixture.sql.query('SELECT FROM worker.intents')).toEqual([])
  expect((await workerctlFor(fixture, 'dlq', 'replay', letter, '--owner', 'ada', '--confirm', '2')).err).toContain('--confirm is 2, but the plan has 1 dead letter')
  expect((await workerctlFor(fixture, 'dlq', 'replay', letter, '--owner', 'ada', '--confirm', '1', '--json')).code).toBe(0)
  await stateOf(fixture, 'resolved', 1)
  await fixture.drained()
  expect(fixture.smtp.mails.map(({ recipients }) => recipients)).toEqual([[person.email]])

  // The other group's letter is as it was, and nothing was published.
  expect(await listed(fixture)).toMatchObject([{ group: fixture.group('position-workers'), state: 'open', replays: 0 }])
  expect(await ranges()).toBe(before)
  expect(await fixture.sql.query('SELECT DISTINCT group_name FROM worker.outcomes')).toEqual([{ group_name: fixture.group('email-workers') }])
  const history = JSON.parse((await workerctlFor(fixture, 'dlq', 'show', letter, '--json')).out)
  expect(history.actions).toMatchObject([
    { action: 'replay', owner: 'ada' },
    { action: 'failed', because: 'invalid-data: /data breaks required: email' },
    { action: 'edit', owner: 'ada', because: 'no address' },
    { action: 'replay', owner: 'ada' },
    { action: 'resolved', because: 'accepted' },
  ])
  expect(JSON.stringify(history)).not.toContain(person.email)
  expect((await workerctlFor(fixture, 'dlq', 'show', letter, '--json', '--reveal')).out).toContain(person.email)
})

test('a replay of an event that was handled meanwhile sends nothing, and a discarded dead letter is no longer counted', async () => {
  await using fixture = await createFixture()
  await fixture.daemon().ready()
  const { campaign, person, repaired } = await poison(fixture)
  await eventually('both groups give it up', async () => (await listed(fixture)).length === 2 || 'not yet')
  await fixture.publisher.publishUserSignedUp({ ...campaign, ...person })
  await fixture.drained()
  expect(fixture.smtp.mails).toHaveLength(1)

  const letter = `email-workers/${(await listed(fixture, '--group', 'email-workers'))[0]?.letter.split('/').slice(1).join('/')}`
  await workerctlFor(fixture, 'dlq', 'edit', letter, '--file', await fileOf(repaired), '--owner', 'ada')
  const dry = await workerctlFor(fixture, 'dlq', 'replay', letter, '--owner', 'ada', '--dry-run')
  expect(dry.out).toContain('1 handled already under the same id: nothing would happen.')
  await workerctlFor(fixture, 'dlq', 'replay', letter, '--owner', 'ada', '--confirm', '1')
  await stateOf(fixture, 'resolved', 1)
  await fixture.drained()
  expect(fixture.smtp.mails).toHaveLength(1)

  const rest = ['--group', 'position-workers', '--owner', 'ada', '--because', 'a test']
  expect((await workerctlFor(fixture, 'dlq', 'discard', ...rest)).out).toContain('Nothing was changed: add --confirm 1 to discard them.')
  expect((await workerctlFor(fixture, 'dlq', 'discard', ...rest, '--confirm', '1')).out).toContain('Discarded: 1 dead letter.')
  expect((await workerctlFor(fixture, 'dead-letters', 'list')).out).toBe('There are no dead letters.')
  expect((await listed(fixture, '--state', 'discarded')).map(({ group }) => group)).toEqual([fixture.group('position-workers')])
})
