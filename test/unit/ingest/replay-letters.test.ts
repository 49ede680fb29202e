import { expect, it } from 'vitest'
import type { LetterStore, RequestedLetter } from '../../../src/ingest/letter-store.ts'
import { createLetterReplayer, TURN_MS } from '../../../src/ingest/replay-letters.ts'
import { createTypeFilter } from '../../../src/ingest/type-filter.ts'
import type { Consumer } from '../../../src/model/consumer.ts'
import { recordOfEvent } from '../../support/log-records.ts'
import { createManualClock } from '../../support/manual-clock.ts'
import { sampleEvent } from '../../support/sample-event.ts'

const consumer: Consumer = { name: 'test-workers', types: ['user.*'], accept: () => [], kinds: [] }
const never = new AbortController().signal

/** A replayer with so many requested letters; `onReplay` is called before each of them is resolved. */
function replayerOf(count: number, on: { readonly isHeld?: () => boolean; readonly onReplay?: (replayed: number) => void }) {
  const clock = createManualClock()
  const replayed: number[] = []
  const letters = Array.from({ length: count }, (_, offset): RequestedLetter => {
    const record = recordOfEvent(offset, sampleEvent('user.signed_up', offset + 1))
    const place = { group: consumer.name, topic: 'domain-events', partition: 0, offset: BigInt(offset) }
    return { ...place, record, allowOlder: false, replays: 0 }
  })
  const store: Pick<LetterStore, 'requested' | 'replay' | 'fail'> = {
    requested: async (_group, _topic, limit) => letters.filter(({ offset }) => !replayed.includes(Number(offset))).slice(0, limit),
    replay: async ({ offset }) => {
      replayed.push(Number(offset))
      on.onReplay?.(replayed.length)
      return { is: 'resolved', outcome: 'no-effect' }
    },
    fail: async () => true,
  }
  const reader = { consumer, filter: createTypeFilter(consumer.types), maxEventBytes: 100_000, dedupeHorizon: () => 0 }
  const replayer = createLetterReplayer({
    group: consumer.name,
    topic: 'domain-events',
    replaying: { reader },
    isHeld: on.isHeld ?? (() => false),
    store: { ...store, rehearse: () => Promise.reject(new Error('nothing is rehearsed')) },
    clock,
    observe: () => undefined,
  })
  return { replayer, replayed, clock }
}

it('all requested letters are replayed in one turn, in their order', async () => {
  const { replayer, replayed } = replayerOf(120, {})
  await replayer.turn(never)
  expect(replayed).toEqual(Array.from({ length: 120 }, (_, n) => n))
})

it('no letter is begun while the group takes no new work', async () => {
  let isHeld = false
  const { replayer, replayed } = replayerOf(5, { isHeld: () => isHeld, onReplay: (count) => (isHeld = count === 2) })
  await replayer.turn(never)
  expect(replayed).toEqual([0, 1])
  await replayer.turn(never)
  expect(replayed).toEqual([0, 1])
  isHeld = false
  await replayer.turn(never)
  expect(replayed).toEqual([0, 1, 2, 3, 4])
})

it('a turn begins no letter after its time, however slow each is', async () => {
  const { replayer, replayed, clock } = replayerOf(5, { onReplay: () => clock.advance(TURN_MS) })
  await replayer.turn(never)
  expect(replayed).toEqual([0])
})
