import { describe, expect, it } from 'vitest'
import type { EventOutcome } from '../../../src/ingest/accept-store.ts'
import type { ReadChunk } from '../../../src/ingest/read-chunks.ts'
import { countsOf } from '../../../src/ingest/batch-runner.ts'
import { recordOf } from '../../support/log-records.ts'

const event = (offset: number, type: string): ReadChunk['events'][number] => ({
  record: recordOf(offset, '{}'),
  accepted: { offset: BigInt(offset), eventId: String(offset), type, at: new Date(0), contentHash: new Uint8Array(), drafts: [] },
})
const faulty = (type: string | null): ReadChunk['faulty'][number] => ({
  record: recordOf(0, null),
  eventId: null,
  type,
  contentHash: null,
  reason: 'not-json',
  detail: '',
})
const nothing = { ok: 0, noEffect: 0, duplicate: 0, skipped: 0, dead: 0 }

describe('counts of a chunk', () => {
  it('say by type which outcome each record had', () => {
    const outcomes: readonly EventOutcome[] = ['accepted', 'accepted', 'no-effect', 'duplicate', 'repeated', 'dead-letter']
    const chunk: ReadChunk = {
      next: 9n,
      events: outcomes.map((_, offset) => event(offset, 'user.verified')),
      faulty: [faulty(null), faulty('user.verified')],
      skipped: new Map([['reward.earned', 3]]),
    }
    const end = {
      is: 'accepted' as const,
      outcomes: new Map(outcomes.map((outcome, offset) => [BigInt(offset), outcome])),
      deadLetters: 2,
      intents: 2,
      claimed: [],
    }
    expect(Object.fromEntries(countsOf(chunk, end))).toEqual({
      'user.verified': { ok: 2, noEffect: 1, duplicate: 2, skipped: 0, dead: 2 },
      'reward.earned': { ...nothing, skipped: 3 },
      undecodable: { ...nothing, dead: 1 },
    })
  })

  it('of skipped records need no result', () => {
    const chunk: ReadChunk = { next: 9n, events: [], faulty: [], skipped: new Map([['reward.earned', 3]]) }
    expect(Object.fromEntries(countsOf(chunk, null))).toEqual({ 'reward.earned': { ...nothing, skipped: 3 } })
  })
})
