import { expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { mailInDoubt } from '../../support/faults/mail-in-doubt.ts'

/**
 * Fault: A daemon is killed (SIGKILL) when the relay has the final dot and has not replied.
 * Promise: The mail is in doubt and counted as such. One policy holds it; the other sends it once more with the same Message-ID.
 */
test('SIGKILL at the final dot with MAIL_AMBIGUOUS=hold: the mail is held for the operator and never sent again', async () => {
  await using doubt = await mailInDoubt({ MAIL_AMBIGUOUS: 'hold' })
  await doubt.killAtFinalDot(await doubt.begin())
  doubt.fixture.daemon()
  await eventually(
    'the mail is decided',
    async () => ['held', 'sent'].includes((await doubt.row()).state) || JSON.stringify(await doubt.row()),
  )
  expect(await doubt.row()).toEqual({ state: 'held', reason: 'lease-over', ambiguous: 1 })
  expect(doubt.copies).toHaveLength(1)
  await doubt.assertHistory()
})

test('SIGKILL at the final dot with MAIL_AMBIGUOUS=retry: the second copy has the same Message-ID, and the row counts it', async () => {
  await using doubt = await mailInDoubt({ MAIL_AMBIGUOUS: 'retry' })
  await doubt.killAtFinalDot(await doubt.begin())
  doubt.fixture.daemon()
  await eventually('the mail is recorded as sent', async () => (await doubt.row()).state === 'sent' || JSON.stringify(await doubt.row()))
  expect(await doubt.row()).toMatchObject({ ambiguous: 1 })
  const ids = doubt.copies.map(({ messageId }) => messageId)
  expect(ids).toHaveLength(2)
  expect(ids[1]).toBe(ids[0])
  await doubt.assertHistory()
})
