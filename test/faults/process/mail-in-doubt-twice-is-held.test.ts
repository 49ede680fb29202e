import { expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { mailInDoubt } from '../../support/faults/mail-in-doubt.ts'

/**
 * Fault: Two daemons in a row are killed (SIGKILL) at the final dot of the same mail.
 * Promise: The mail is not sent a third time; the operator decides.
 */
test('two daemons killed at the final dot of one mail: the third holds it for the operator and does not send it', async () => {
  await using doubt = await mailInDoubt({ MAIL_AMBIGUOUS: 'retry' })
  await doubt.killAtFinalDot(await doubt.begin())
  await doubt.killAtFinalDot(doubt.fixture.daemon())
  doubt.fixture.daemon()
  await eventually(
    'the mail is decided',
    async () => ['held', 'sent'].includes((await doubt.row()).state) || JSON.stringify(await doubt.row()),
  )
  expect(await doubt.row()).toEqual({ state: 'held', reason: 'lease-over', ambiguous: 2 })
  const ids = doubt.copies.map(({ messageId }) => messageId)
  expect(ids).toHaveLength(2)
  expect(ids[1]).toBe(ids[0])
  await doubt.assertHistory()
})
