import { expect, test } from 'vitest'
import { causedBy } from '../../src/events/correlation.ts'
import { createFixture } from '../support/fixture.ts'
import { Platform } from '../support/platform.ts'

test('the correlation id of an event is in the mail, the webhook, the log and the dead letter that it causes, and in what is published in turn', async () => {
  await using fixture = await createFixture({ smtp: { keepBodies: true } })
  const platform = new Platform(fixture.sql)
  const campaign = await platform.campaign()
  const { userId, email } = await platform.person(campaign)
  const { url, secret } = fixture.webhooks.endpoint('/rewards')
  await platform.webhook(campaign, url, secret)
  const rewardId = await platform.reward(campaign, { method: 'webhook', webhookUrl: url })
  const userRewardId = await platform.earned(campaign, rewardId, userId)
  const daemon = fixture.daemon({ LOG_LEVEL: 'debug' })
  await daemon.ready()

  const { eventId } = await fixture.publisher.publishUserSignedUp({ ...campaign, userId, email, correlationId: 'request 7' })
  const inTurn = { ...causedBy({ id: eventId, correlation_id: 'request 7' }), ...campaign, userRewardId, rewardId, userId }
  const earned = await fixture.publisher.publishRewardEarned(inTurn)
  const verified = await fixture.publisher.publishUserVerified({ ...campaign, userId, email })
  await fixture.sendRaw([{ key: 'k', value: Buffer.from('{'), headers: { 'event-type': 'user.signed_up', 'correlation-id': 'request 8' } }])
  await fixture.drained()

  const mails = fixture.smtp.mails
    .map(({ raw }) => String(raw))
    .map((raw) => [/^X-Causation-ID: (.*)\r$/m.exec(raw)?.[1], /^X-Correlation-ID: (.*)\r$/m.exec(raw)?.[1]])
  expect(new Map(mails.map(([cause = '', correlation]) => [cause, correlation]))).toEqual(
    new Map([
      [eventId, 'request 7'],
      [earned.eventId, 'request 7'],
      [verified.eventId, verified.eventId],
    ]),
  )
  expect(
    fixture.webhooks.calls.map(({ headers, signatureOk }) => [headers['x-causation-id'], headers['x-correlation-id'], signatureOk]),
  ).toEqual([[earned.eventId, 'request 7', true]])
  const settled = daemon.lines
    .filter(({ msg, eventId: of }) => msg === 'settled' && of !== null)
    .map((line) => [line['eventId'], line['correlationId']])
  expect(new Set(settled.map(String))).toEqual(
    new Set(
      [
        [eventId, 'request 7'],
        [earned.eventId, 'request 7'],
        [verified.eventId, null],
      ].map(String),
    ),
  )
  expect(daemon.lines.filter(({ msg }) => msg === 'dead letter').map((line) => line['correlationId'])).toEqual(['request 8'])
})
