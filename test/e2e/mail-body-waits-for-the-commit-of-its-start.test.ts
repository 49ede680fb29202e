import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { createFixture } from '../support/fixture.ts'
import { eventually } from '../support/eventually.ts'
import { startFrozenTransaction } from '../support/frozen-transaction.ts'
import { Platform } from '../support/platform.ts'

test('while the start of a mail waits for the database, the relay has its envelope and nothing of its body', async () => {
  await using fixture = await createFixture({ groups: ['email-workers'] })
  const platform = new Platform(fixture.sql)
  const conversation: string[] = []
  fixture.smtp.respondWith((stage) => {
    if (stage === 'rcpt' || stage === 'data') conversation.push(stage)
    return undefined
  })
  await fixture.daemon().ready()
  const campaign = await platform.campaign()
  const person = await platform.person(campaign)
  const states = async () =>
    (await fixture.sql.query<{ state: string }>(`SELECT state FROM worker.intents WHERE channel = 'email'`)).map(({ state }) => state)

  await using locked = await startFrozenTransaction(fixture.databaseUrl, 'LOCK TABLE public.email_logs IN EXCLUSIVE MODE')
  await fixture.publisher.publishUserSignedUp({ ...campaign, ...person })
  await eventually('the relay has the envelope', () => conversation.length > 0 || 'nothing')
  await pause(500)
  expect([conversation, await states()]).toEqual([['rcpt'], ['claimed']])

  await locked[Symbol.asyncDispose]()
  await eventually('the mail is out', async () => (await states()).join() === 'sent' || (await states()).join())
  expect(conversation).toEqual(['rcpt', 'data'])
})
