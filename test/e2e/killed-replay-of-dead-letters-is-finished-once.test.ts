import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { eventIdOf } from '../../src/events/identity.ts'
import { runWorkerctl } from '../integration/workerctl-fixture.ts'
import { eventually } from '../support/eventually.ts'
import { createFixture } from '../support/fixture.ts'
import { Platform } from '../support/platform.ts'

const LETTERS = 3

test('a daemon that is killed in the middle of a replay, and one that is killed behind it, lose no dead letter and double no effect', async () => {
  await using fixture = await createFixture({ groups: ['email-workers'] })
  const workerctl = (...args: readonly string[]) => runWorkerctl(args, fixture.variables)
  const platform = new Platform(fixture.sql)
  const campaign = await platform.campaign()
  const folder = await mkdtemp(join(tmpdir(), 'dlq-'))
  const emails: string[] = []
  const first = fixture.daemon()
  await first.ready()
  for (let index = 0; index < LETTERS; index++) {
    const { userId, email } = await platform.person(campaign)
    const data = { user_id: userId, campaign_id: campaign.campaignId, email }
    const [id, type] = [eventIdOf('user.signed_up', data), 'user.signed_up']
    const event = { id, type, account_id: campaign.accountId, campaign_id: campaign.campaignId, data, timestamp: new Date().toISOString() }
    emails.push(email)
    await writeFile(join(folder, `${index}.json`), JSON.stringify(event))
    const broken = Buffer.from(JSON.stringify({ ...event, data: { ...data, email: '' } }))
    await fixture.sendRaw([{ key: campaign.campaignId, value: broken, headers: { 'event-type': type } }])
  }
  const rows = () =>
    fixture.sql.query<{ partition: number; offset: string; state: string }>(
      'SELECT partition, "offset", state FROM worker.dead_letters ORDER BY "offset"',
    )
  await eventually('all are given up', async () => (await rows()).length === LETTERS || 'not yet')
  first.kill('SIGKILL')
  await first.exited
  for (const [index, { partition, offset }] of (await rows()).entries()) {
    const letter = `email-workers/${partition}/${offset}`
    expect(await workerctl('dlq', 'edit', letter, '--file', join(folder, `${index}.json`), '--owner', 'ada')).toMatchObject({
      code: 0,
      err: '',
    })
  }
  const asked = await workerctl('dlq', 'replay', '--reason', 'invalid-data', '--owner', 'ada', '--confirm', String(LETTERS))
  expect(asked).toMatchObject({ code: 0, err: '' })

  // Outcome and intents of the first letter are written, and what is last in their transaction waits.
  await fixture.transaction(async (tx) => {
    await tx.query('LOCK TABLE worker.dead_letter_actions IN EXCLUSIVE MODE')
    const second = fixture.daemon()
    await eventually('a replay waits for its last statement', async () => {
      const waiting = await fixture.sql.query(
        `SELECT FROM pg_locks WHERE relation = 'worker.dead_letter_actions'::regclass AND NOT granted`,
      )
      return waiting.length > 0 || 'not yet'
    })
    second.kill('SIGKILL')
    await second.exited
  })
  await eventually('the database has ended what the daemon left', async () => {
    const held = await fixture.sql.query(`SELECT FROM pg_locks WHERE relation = 'worker.dead_letter_actions'::regclass`)
    return held.length === 0 || 'not yet'
  })
  const afterwards = [
    await fixture.sql.query("SELECT FROM worker.intents WHERE channel = 'email'"),
    (await rows()).map(({ state }) => state),
  ]
  expect(afterwards).toEqual([[], Array.from({ length: LETTERS }, () => 'requested')])

  const third = fixture.daemon({}, { killAt: { fact: 'dead-letter-replayed' } })
  expect(await third.exited).toBe('SIGKILL')
  expect((await rows()).filter(({ state }) => state === 'resolved')).toHaveLength(1)

  await fixture.daemon().ready()
  await eventually(
    'all are resolved',
    async () => (await rows()).every(({ state }) => state === 'resolved') || JSON.stringify(await rows()),
  )
  await eventually('every mail is sent', () => fixture.smtp.mails.length >= LETTERS || String(fixture.smtp.mails.length))
  expect(fixture.smtp.mails.flatMap(({ recipients }) => recipients).toSorted()).toEqual(emails.toSorted())
  const resolved = `SELECT FROM worker.dead_letter_actions WHERE action = 'resolved'`
  expect([await fixture.sql.query('SELECT FROM worker.outcomes'), await fixture.sql.query(resolved)].map((found) => found.length)).toEqual([
    LETTERS,
    LETTERS,
  ])
})
