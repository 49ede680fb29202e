import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decode } from '../../../src/events/decode.ts'
import { readEnvelope } from '../../invariants/envelope.ts'

/** Two readings of the same rules, written apart: where they differ, one of them is wrong. */
describe('the checker reads a record', () => {
  const uuid = 'ABCDEF00-0000-4000-8000-000000000001'
  const ids = ['user_id', 'referral_id', 'referrer_id', 'referred_id', 'user_reward_id', 'reward_id', 'campaign_id']
  const sound = {
    id: uuid,
    type: 'user.signed_up',
    account_id: uuid,
    campaign_id: uuid,
    data: {
      ...Object.fromEntries(ids.map((name) => [name, uuid])),
      email: 'a@b.c',
      points_per_referral: 1,
      milestone: 'm',
      participant_count: 2,
    },
    timestamp: '2030-02-28T23:59:59.5+01:00',
  }
  const types = ['user.signed_up', 'user.verified', 'referral.created', 'referral.verified', 'reward.earned', 'campaign.milestone_reached']
  const odd = fc.oneof(
    fc.constantFrom<unknown>(
      null,
      '',
      0,
      -1,
      1.5,
      true,
      [],
      {},
      [[]],
      uuid.toLowerCase(),
      `{${uuid}}`,
      `urn:uuid:${uuid}`,
      '\0',
      '\ud800',
      'x'.repeat(1_001),
    ),
    fc.constantFrom(
      '2030-02-29T00:00:00Z',
      '2028-02-29t00:00:00z',
      '2030-01-01T24:00:00Z',
      '2030-01-01',
      '0000-01-01T00:00:00Z',
      '2016-12-31T23:59:60Z',
      '2030-01-01T00:00:00Z[Europe/Zurich]',
      '2030-13-01T00:00:00Z',
      '0001-01-01T00:00:00+01:00',
    ),
    fc.jsonValue({ maxDepth: 2 }),
  )
  const body = fc
    .record({
      type: fc.constantFrom(...types, 'user.unknown', 'constructor', ''),
      changes: fc.array(fc.tuple(fc.constantFrom(...Object.keys(sound), ...Object.keys(sound.data)), fc.option(odd, { nil: undefined })), {
        maxLength: 2,
      }),
    })
    .map(({ type, changes }) => {
      const event: Record<string, unknown> = { ...sound, type }
      const data: Record<string, unknown> = { ...sound.data }
      event['data'] = data
      for (const [name, value] of changes) (name in sound.data && name !== 'campaign_id' ? data : event)[name] = value
      return Buffer.from(JSON.stringify(event))
    })
  const headers = fc.dictionary(
    fc.constantFrom('event-type', 'ce_type', 'event-version'),
    fc.oneof(fc.constantFrom(...types, '1', '2', ''), fc.constant(['1', '1'])),
    {
      maxKeys: 1,
    },
  )

  it('as the program does: an event with the same content, somebody else’s, or nobody’s', () => {
    fc.assert(
      fc.property(
        fc.oneof({ weight: 9, arbitrary: body }, { weight: 1, arbitrary: fc.uint8Array().map((bytes) => Buffer.from(bytes)) }),
        headers,
        (value, texts) => {
          const bytes = Object.fromEntries(
            Object.entries(texts).map(([name, text]) => [
              name,
              typeof text === 'string' ? Buffer.from(text) : text.map((one) => Buffer.from(one)),
            ]),
          )
          const theirs = decode({ value, headers: bytes }, { maxBytes: 5_000 })
          const ours = readEnvelope(value, texts, 5_000)
          expect(ours.is).toBe(theirs.is === 'fault' ? 'bad' : theirs.is === 'unknown-type' ? 'unknown' : 'event')
          if (theirs.is !== 'event' || ours.is !== 'event') return
          expect(theirs.event).toMatchObject({
            id: ours.event.id,
            type: ours.event.type,
            campaign_id: ours.event.campaignId,
            data: ours.event.data,
          })
        },
      ),
      { numRuns: 2_000 },
    )
  })

  it.each([32, 33])('that nests %d levels deep', (depth) => {
    const value = Buffer.from(JSON.stringify({ ...sound, more: JSON.parse(`${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}`) }))
    expect(readEnvelope(value, {}, 5_000).is).toBe(depth > 32 ? 'bad' : 'event')
  })
})
