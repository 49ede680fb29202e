import { expect, test } from 'vitest'
import { createWorkerctlFixture, type WorkerctlFixture } from './workerctl-fixture.ts'

const HOUR_MS = 3_600_000
const terms = ['--owner', 'ops', '--because', 'relay moves']
const listed = async (s: WorkerctlFixture) => JSON.parse((await s.workerctl(['pause', 'list', '--json'])).out).pauses

test('a pause is listed until it is resumed; a second one is refused, and extended on demand', async () => {
  await using s = await createWorkerctlFixture()
  const paused = await s.workerctl(['pause', 'channel', 'email', ...terms, '--for', '2h'])
  expect(paused).toMatchObject({ code: 0, out: expect.stringMatching(/^Done: email channel paused by ops \(relay moves\) until 2/) })
  expect(paused.out).toContain('No intent of it is in flight.')
  const [first] = await listed(s)
  expect(first).toMatchObject({ scope: 'channel', group: null, target: 'email', owner: 'ops', because: 'relay moves' })
  expect((await s.workerctl(['pause', 'list'])).out).toMatch(/channel +email +all +ops +relay moves .* 1 h 59 min|2 h/)

  const again = ['pause', 'channel', 'email', '--owner', 'night-shift', '--because', 'still moving', '--until-resumed']
  expect(await s.workerctl(again)).toMatchObject({
    code: 1,
    err: expect.stringContaining('There is a pause already, email channel paused by ops'),
  })
  expect(await s.workerctl([...again, '--extend'])).toMatchObject({ code: 0, out: expect.stringContaining('Extended: email channel paused by night-shift') }) // prettier-ignore
  expect(await listed(s)).toMatchObject([{ id: first.id, owner: 'night-shift', until: null }])

  const elsewhere = ['resume', 'channel', 'email', '--group', 'email-workers', '--owner', 'ops']
  expect(await s.workerctl(elsewhere)).toMatchObject({ code: 1, err: expect.stringContaining('email channel paused by night-shift') })
  expect((await s.workerctl(elsewhere)).err).toMatch(/: leave out --group\.$/)
  expect(await s.workerctl(['resume', 'channel', 'email', '--owner', 'ops'])).toMatchObject({ code: 0, out: expect.stringContaining('Resumed: email channel') }) // prettier-ignore
  expect(await listed(s)).toEqual([])
  expect(await s.workerctl(['pause', 'list'])).toMatchObject({ code: 0, out: 'Nothing is paused.' })
  expect(await s.database.sql.query('SELECT ended_by FROM worker.pauses')).toEqual([{ ended_by: 'ops' }])
})

test('a pause whose time is over can be set again', async () => {
  await using s = await createWorkerctlFixture()
  const pause = ['pause', 'channel', 'email', ...terms, '--for', '1h']
  await s.workerctl(pause)
  await s.database.sql.query('UPDATE worker.pauses SET ends_at = now()')
  expect(await listed(s)).toEqual([])
  expect(await s.workerctl(pause)).toMatchObject({ code: 0 })
  expect(await listed(s)).toHaveLength(1)
})

test('the pause of a group or partition says when the topic may delete what is not read', async () => {
  await using s = await createWorkerctlFixture({ partitions: 2 })
  await s.produce(0, 2, new Date(Date.now() - 48 * HOUR_MS))
  await s.produce(1, 1, new Date(Date.now() - 5 * HOUR_MS))
  await s.progress([1, 0])
  const days = Number((await s.admin.topicConfig(s.topic)).get('retention.ms')) / (24 * HOUR_MS)
  const group = await s.workerctl(['pause', 'group', 'email-workers', ...terms, '--until-resumed'])
  expect(group.out).toMatch(new RegExp(`deletes unread records in ${days - 3} d 2[23] h at the earliest`))
  const partition = await s.workerctl(['pause', 'partition', 'email-workers', '1', ...terms, '--for', '2h', '--json'])
  expect(partition.err).toBe('')
  const { retention, pause } = JSON.parse(partition.out)
  expect(pause).toMatchObject({ scope: 'partition', group: s.group, target: '1' })
  expect(Date.parse(retention.oldestUnreadAt)).toBeLessThanOrEqual(Date.now() - 5 * HOUR_MS)
  expect(Date.parse(retention.oldestUnreadAt)).toBeGreaterThan(Date.now() - 5.2 * HOUR_MS)
  expect(await s.workerctl(['pause', 'partition', 'email-workers', '2', ...terms, '--for', '2h'])).toMatchObject({
    code: 1,
    err: expect.stringContaining(`has no partition 2: it has 2, numbered from 0.`),
  })
})

test('words that nothing has, missing ends and unknown ids are refused with the way out, and pause nothing', async () => {
  await using s = await createWorkerctlFixture()
  const id = '0c9e6c1f-3b1d-4f0e-8d8a-5f0f7a1e2b33'
  const refusals: readonly (readonly [readonly string[], string])[] = [
    [['gruop', 'email-workers', ...terms, '--for', '2h'], 'Did you mean group?'],
    [['group', 'email-worker', ...terms, '--for', '2h'], 'did you mean email-workers?'],
    [['channel', 'emial', ...terms, '--for', '2h'], 'did you mean email?'],
    [
      ['channel', 'leaderboard', '--group', 'email-workers', ...terms, '--for', '2h'],
      'email-workers has no channel leaderboard: give one of',
    ],
    [['type', 'user.signedup', ...terms, '--for', '2h'], 'did you mean user.signed_up?'],
    [['channel', 'email', ...terms], 'either --for with a time such as 2h, or --until-resumed'],
    [['channel', 'email', ...terms, '--for', '2h', '--until-resumed'], 'either --for'],
    [['channel', 'email', ...terms, '--for', 'soon'], 'such as 30m, 2h or 3d'],
    [['channel', 'email', '--because', 'x', '--for', '2h'], '--owner'],
    [['channel', 'email', '--owner', 'guest@example.com', '--because', 'x', '--for', '2h'], 'give no address'],
    [['campaign', id, ...terms, '--for', '2h'], `There is no campaign ${id}`],
    [['destination', id, ...terms, '--for', '2h'], `There is no destination ${id}`],
  ]
  for (const [args, sentence] of refusals) {
    expect(await s.workerctl(['pause', ...args])).toMatchObject({ code: 1, err: expect.stringContaining(sentence) })
  }
  expect(await s.database.sql.query('SELECT FROM worker.pauses')).toEqual([])
})
