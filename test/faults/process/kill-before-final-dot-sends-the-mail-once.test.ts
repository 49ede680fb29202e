import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { mailInDoubt } from '../../support/faults/mail-in-doubt.ts'

/**
 * Fault: A daemon is killed (SIGKILL) after the start of a mail and before its final dot.
 * Promise: The mail is sent once.
 */
test('SIGKILL while the relay delays its reply to the recipient: the mail was not transmitted, and is sent once', async () => {
  await using doubt = await mailInDoubt()
  const recipientNamed = Promise.withResolvers<void>()
  doubt.fixture.base.smtp.respondWith((stage) => {
    if (stage !== 'rcpt') return undefined
    recipientNamed.resolve()
    return new Promise(() => undefined)
  })
  const killed = await doubt.begin()
  await recipientNamed.promise
  // The envelope goes ahead of the start; what the daemon writes about the mail beside it has time to be written.
  await eventually('its start is committed', async () => {
    const { state } = await doubt.row()
    return (state !== 'pending' && state !== 'claimed') || state
  })
  await pause(200)
  await doubt.kill(killed)
  doubt.fixture.base.smtp.respondWith(undefined)
  doubt.fixture.daemon()
  await eventually('the mail is recorded as sent', async () => (await doubt.row()).state === 'sent' || JSON.stringify(await doubt.row()))
  expect(doubt.copies.map(({ reply }) => reply)).toEqual([250])
  await doubt.assertHistory()
})
