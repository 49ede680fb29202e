import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import { tempFolder } from '../../stack/temp-folder.ts'
import { cleanEnvironment } from '../../stack/worker-environment.ts'
import { eventually } from '../support/eventually.ts'
import { createWorkerctlFixture, type Ran, type WorkerctlFixture } from './workerctl-fixture.ts'

const id = (kind: string) => `00000000-0000-4000-8000-${kind.repeat(12)}`
const about = { accountId: id('f'), campaignId: id('c') }
const signedUp = { ...about, type: 'user.signed_up', userId: id('a'), email: 'ada@example.com' }
const verified = { ...about, type: 'user.verified', userId: id('b'), email: 'bob@example.com' }

let fixture: WorkerctlFixture
beforeAll(async () => {
  fixture = await createWorkerctlFixture({ partitions: 2 })
})
afterAll(() => fixture[Symbol.asyncDispose]())

async function publish(events: unknown, ...options: readonly string[]): Promise<Ran> {
  const folder = tempFolder('events')
  onTestFinished(() => folder.remove())
  const file = join(folder.path, 'events.json')
  await writeFile(file, JSON.stringify(events))
  return fixture.workerctl(['events', 'publish', file, ...options])
}

const events = (...args: readonly string[]) => fixture.workerctl(['events', ...args])

it('events are published by hand once the plan is confirmed, found again, and shown without personal data unless it is revealed', async () => {
  const planned = await publish([signedUp, verified], '--dry-run')
  expect(planned).toMatchObject({ code: 0, err: '' })
  expect(planned.out).toMatch(/user\.signed_up.*"email":"\*\*\*"/)
  expect(planned.out).not.toContain('ada@')
  expect(JSON.parse((await events('search', '--json')).out)).toMatchObject({ read: 0, matching: 0, events: [] })

  const { published }: { published: string[] } = JSON.parse((await publish([signedUp, verified], '--yes', '--json')).out)
  expect(published).toHaveLength(2)
  const all = JSON.parse((await events('search', '--json')).out)
  expect(all).toMatchObject({ read: 2, matching: 2 })
  expect(all.events.map((event: { id: string }) => event.id).toSorted()).toEqual(published.toSorted())

  const [first] = published
  const found = JSON.parse((await events('search', '--event', String(first), '--json')).out)
  expect(found).toMatchObject({ matching: 1, events: [{ type: 'user.signed_up', value: { data: { email: '***', user_id: id('a') } } }] })
  const [{ partition, offset }] = found.events
  const shown = await events('show', `${partition}/${offset}`)
  expect(shown.out).toContain(`Event    user.signed_up ${first}`)
  expect(shown.out).not.toContain('ada@')
  expect((await events('show', `${partition}/${offset}`, '--reveal')).out).toContain('"email": "ada@example.com"')
})

it.each([
  [['--type', 'user.*'], 2],
  [['--type', 'user.verified'], 1],
  [['--user', id('b')], 1],
  [['--campaign', id('c')], 2],
  [['--campaign', id('d')], 0],
  [['--producer', 'another'], 0],
] as const)('search with %j finds %i', async (options, count) => {
  expect(JSON.parse((await events('search', '--json', ...options)).out)).toMatchObject({ read: 2, matching: count })
})

it('an event is shown by its id once a group has read it', async () => {
  const { events: all } = JSON.parse((await events('search', '--type', 'user.verified', '--json')).out)
  const [{ id: eventId, partition, offset }] = all
  expect((await events('show', eventId)).err).toContain(`"events search --event ${eventId} --since TIME" reads the topic`)
  await fixture.database.sql.query(
    `INSERT INTO worker.outcomes (group_name, event_id, type, content_hash, topic, partition, "offset", outcome) VALUES ($1, $2, 'user.verified', '\\x00', $3, $4, $5, 'accepted')`,
    [fixture.group, eventId, fixture.topic, partition, offset],
  )
  expect(JSON.parse((await events('show', eventId, '--json')).out)).toMatchObject({ id: eventId, partition, offset })
})

const start = (...command: readonly string[]) =>
  spawn(process.execPath, [join(import.meta.dirname, '../../cmd/workerctl/main.ts'), ...command], {
    env: cleanEnvironment(fixture.environment),
    stdio: ['ignore', 'pipe', 'pipe'],
  })

it('tail shows the newest, and with following each new event as it comes, until its reader is gone', async () => {
  const last = await events('tail', '--no-follow', '--lines', '1', '--json')
  expect(last.out.trim().split('\n')).toHaveLength(1)
  const child = start('events', 'tail', '--lines', '0', '--json')
  onTestFinished(() => void child.kill('SIGKILL'))
  let out = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text))
  let sent = 0
  const publishOne = () => publish([{ ...signedUp, userId: `00000000-0000-4000-8000-${String(++sent).padStart(12, '0')}` }], '--yes')
  // It follows from the end that it finds: an event that came before is not shown.
  await eventually('a new event is shown', async () => {
    await publishOne()
    return out.includes('user.signed_up') ? true : out
  })
  expect(JSON.parse(out.split('\n')[0] ?? '')).toMatchObject({ type: 'user.signed_up', value: { data: { email: '***' } } })
  child.stdout.destroy()
  await eventually('the command ends', async () => {
    await publishOne()
    return child.exitCode === 1 || `exit code ${child.exitCode}`
  })
})

it('lag --watch ends when its reader is gone', async () => {
  const child = start('lag', '--watch', '--seconds', '1', '--json')
  onTestFinished(() => void child.kill('SIGKILL'))
  child.stdout.destroy()
  const [errors, [code]] = await Promise.all([child.stderr.setEncoding('utf8').toArray(), once(child, 'close')])
  expect({ code, errors }).toEqual({ code: 1, errors: [] })
})

it.each([
  [['search', '--type', 'user.signedup'], 'There is no event type "user.signedup" (did you mean user.signed_up?)'],
  [['search', '--type', 'us*r'], 'has an asterisk that is not its last part'],
  [['search', '--campaign', 'summer'], '--campaign must be a UUID'],
  [['tail', '--topic', 'nowhere-at-all'], 'There is no topic "nowhere-at-all"'],
  [['show', '7/0'], 'has no partition 7'],
  [['show', '0/9999'], 'and not 9999'],
  [['show', 'what'], '<event> must be PARTITION/OFFSET such as 3/4711, or a UUID'],
  [['publish', '/nowhere.json'], '/nowhere.json cannot be read'],
])('%j is refused by a sentence', async (args, sentence) => {
  const refused = await events(...args)
  expect(refused.code).toBe(1)
  expect(refused.err).toContain(sentence)
})

it('an invalid event is refused with all its faults, and nothing is published', async () => {
  const before = JSON.parse((await events('search', '--json')).out).read
  const refused = await publish([signedUp, { ...verified, userId: 'x', email: 7 }], '--yes')
  expect(refused.code).toBe(1)
  expect(refused.err).toMatch(/userId.*email|email.*userId/)
  expect(JSON.parse((await events('search', '--json')).out).read).toBe(before)
})

it('an event is published with the time at which it happened', async () => {
  const late = { ...signedUp, userId: id('e'), timestamp: '2026-01-31T01:00:00+01:00' }
  const { published } = JSON.parse((await publish(late, '--yes', '--json')).out)
  const found = JSON.parse((await events('search', '--event', published[0], '--json')).out)
  expect(found.events).toMatchObject([{ value: { timestamp: '2026-01-31T00:00:00.000Z' } }])
  for (const timestamp of ['yesterday', '2026-01-31', '2026-13-31T00:00:00Z', 7])
    expect((await publish({ ...late, timestamp }, '--yes')).err).toContain('timestamp must be a valid Date')
})

it('an address that stands where an id or a type belongs is shown only when it is revealed', async () => {
  const address = 'carl@example.com'
  await fixture.produce(1, 1, undefined, { 'event-id': address, 'event-type': address, 'correlation-id': address, [address]: address })
  const { events: newest } = JSON.parse((await events('search', '--json')).out)
  const { partition, offset } = newest.find(({ value }: { value: unknown }) => value === '***')
  const place = `${partition}/${offset}`
  const shown = await Promise.all([
    events('show', place),
    events('show', place, '--json'),
    events('search'),
    events('tail', '--no-follow'),
    events('tail', '--no-follow', '--json'),
  ])
  for (const { code, out } of shown) {
    expect(code).toBe(0)
    expect(out).toContain('***')
    expect(out).not.toContain('carl')
  }
  expect((await events('show', place, '--reveal')).out).toContain(`Event    ${address} ${address}`)
})
