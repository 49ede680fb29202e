import { describe, expect, it } from 'vitest'
import { judgeReply } from '../../../../src/delivery/webhook/judge-reply.ts'
import type { WebhookFailure, WebhookReply } from '../../../../src/delivery/webhook/webhook-client.ts'

const now = Date.UTC(2030, 0, 1)
const answer = (status: number, retryAfter: string | null = null): WebhookReply => ({ is: 'reply', status, retryAfter, durationMs: 12 })
const judged = (reply: WebhookReply) => judgeReply(reply, now)

describe('what a reply means', () => {
  it.each([200, 202, 204, 299])('%i is delivered', (status) => {
    expect(judged(answer(status))).toEqual({ is: 'done', state: 'delivered', reply: { status, durationMs: 12 } })
  })

  it.each([
    [301, 'redirected'],
    [307, 'redirected'],
    [400, 'client-error'],
    [404, 'client-error'],
    [500, 'server-error'],
    [599, 'server-error'],
  ])('%i is tried again by the retry policy, Retry-After or not', (status, reason) => {
    const reply = { status, durationMs: 12, error: `The endpoint answered ${status}.` }
    expect(judged(answer(status, '3600'))).toMatchObject({ is: 'retry', reason, countsAsAttempt: true, reply })
  })

  it('410 ends the delivery, with the status by which the delivery log fails the endpoint', () => {
    expect(judged(answer(410))).toMatchObject({ is: 'dead', reason: 'gone', reply: { status: 410 } })
  })

  it.each([
    [429, 'too-many-requests'],
    [502, 'unavailable'],
    [503, 'unavailable'],
    [504, 'unavailable'],
  ])('%i asks to slow down, for as long as it says', (status, reason) => {
    expect(judged(answer(status))).toMatchObject({ is: 'retry', reason, slowDown: { forMs: null }, countsAsAttempt: true })
    expect(judged(answer(status, '600'))).toMatchObject({ slowDown: { forMs: 600_000 } })
    expect(judged(answer(status, 'Tue, 01 Jan 2030 01:00:00 GMT'))).toMatchObject({ slowDown: { forMs: 3_600_000 } })
  })

  it.each<WebhookFailure>(['timeout', 'unresolved', 'connection-refused', 'connection-lost', 'tls-failed', 'unreadable-reply'])(
    '%s is tried again, in our own words',
    (failure) => {
      const performed = judged({ is: 'failed', failure, durationMs: 5 })
      expect(performed).toMatchObject({ is: 'retry', reason: failure, countsAsAttempt: true, reply: { durationMs: 5 } })
      expect(performed.reply.error).toMatch(/^[A-Z].*\.$/)
    },
  )

  it.each<WebhookFailure>(['url-refused', 'address-refused'])('%s ends the delivery', (failure) => {
    expect(judged({ is: 'failed', failure, durationMs: 0 })).toMatchObject({ is: 'dead', reason: failure })
  })

  it.each<[string, WebhookReply, object]>([
    ['2xx', answer(204), { is: 'ok' }],
    ['a refusal of this delivery', answer(404), { is: 'ok' }],
    ['gone', answer(410), { is: 'ok' }],
    ['5xx', answer(500, '600'), { is: 'failure', reason: 'server-error' }],
    ['503 without a time', answer(503), { is: 'failure', reason: 'unavailable' }],
    ['503 with one', answer(503, '600'), { is: 'throttled', reason: 'unavailable', forMs: 600_000 }],
    ['429 with one', answer(429, '600'), { is: 'throttled', reason: 'too-many-requests', forMs: 600_000 }],
    ['429 without', answer(429), { is: 'throttled', reason: 'too-many-requests', forMs: null }],
    ['no answer', { is: 'failed', failure: 'timeout', durationMs: 1 }, { is: 'failure', reason: 'timeout' }],
  ])('%s says of the endpoint: %o', (_, reply, outcomeSignal) => {
    expect(judged(reply).outcomeSignal ?? { is: 'ok' }).toEqual(outcomeSignal)
  })

  it.each<WebhookFailure>(['url-refused', 'address-refused', 'stopped'])('%s says nothing of the endpoint', (failure) => {
    expect(judged({ is: 'failed', failure, durationMs: 0 }).outcomeSignal).toBeUndefined()
  })

  it('our own shutdown does not count as an attempt', () => {
    expect(judged({ is: 'failed', failure: 'stopped', durationMs: 5 })).toMatchObject({ is: 'retry', countsAsAttempt: false })
  })
})
