import { expect, test } from 'vitest'
import { applyPauses, pauseNotes } from '../../../src/daemon/compose/apply-pauses.ts'
import { createPauseWatch } from '../../../src/daemon/pause-watch.ts'
import type { OperatorOrders } from '../../../src/infra/postgres/admin/operator-orders.ts'
import type { ActivePause } from '../../../src/infra/postgres/admin/postgres-pause-admin.ts'
import type { Fact } from '../../../src/model/fact.ts'
import type { Pause } from '../../../src/model/pause.ts'
import { createAutoAdvancingClock } from '../../support/auto-advancing-clock.ts'

const pauseOf = (change: Partial<Pause> = {}): Pause => ({
  id: '1',
  scope: 'channel',
  group: null,
  target: 'email',
  owner: 'ops',
  because: 'test',
  since: new Date(0),
  until: null,
  ...change,
})

function watching() {
  const clock = createAutoAdvancingClock()
  const applied: (readonly string[])[] = []
  const orders: OperatorOrders = { setAside: true, letters: [], replays: false }
  const state: {
    answer: readonly ActivePause[] | Error
    orders: OperatorOrders | Error
    answersAfter: number | null
    woken: number
    waiting: number
  } = {
    answer: [],
    orders,
    answersAfter: null,
    woken: 0,
    waiting: 0,
  }
  const watch = createPauseWatch({
    async readPauses() {
      if (clock.slept.length === state.answersAfter) return [{ pause: pauseOf(), leftMs: null }]
      if (state.answer instanceof Error) throw state.answer
      return state.answer
    },
    async readOrders() {
      if (state.orders instanceof Error) throw state.orders
      return state.orders
    },
    apply: (pauses) => void applied.push(pauses.map(({ id }) => id)),
    async wake() {
      state.woken += 1
    },
    onWaiting: () => void (state.waiting += 1),
    clock,
  })
  return { clock, applied, state, watch }
}

test('without the database the last known pauses are kept, each until its own end, and nothing is woken', async () => {
  const { clock, applied, state, watch } = watching()
  state.answer = [
    { pause: pauseOf(), leftMs: null },
    { pause: pauseOf({ id: '2' }), leftMs: 5_000 },
  ]
  await watch.poll()
  state.answer = new Error('away')
  await expect(watch.poll()).rejects.toThrow('away')
  await clock.sleep(5_001)
  await expect(watch.poll()).rejects.toThrow('away')
  expect(applied).toEqual([['1', '2'], ['1', '2'], ['1']])
  expect(watch.current().map(({ id }) => id)).toEqual(['1'])
  expect(state.woken).toBe(1)
})

test('nothing is woken where nothing is set aside, and letters and replays are wanted as they were read last', async () => {
  const { state, watch } = watching()
  expect([watch.wantsLetters('a'), watch.wantsReplay()]).toEqual([false, false])
  state.orders = { setAside: false, letters: ['a'], replays: true }
  await watch.poll()
  state.answer = new Error('away')
  await expect(watch.poll()).rejects.toThrow('away')
  expect([watch.wantsLetters('a'), watch.wantsLetters('b'), watch.wantsReplay()]).toEqual([true, false, true])
  expect(state.woken).toBe(0)
})

test('pauses begin and end, at the start too, while the other orders cannot be read: these stay as known, and waking is tried', async () => {
  const { applied, state, watch } = watching()
  state.orders = { setAside: false, letters: ['a'], replays: true }
  await watch.poll()
  expect(state.woken).toBe(0)
  state.orders = new Error('slow')
  state.answer = [{ pause: pauseOf(), leftMs: null }]
  await expect(watch.poll()).rejects.toThrow('slow')
  expect([watch.wantsLetters('a'), watch.wantsReplay(), state.woken]).toEqual([true, true, 1])
  state.answer = []
  await expect(watch.poll()).rejects.toThrow('slow')
  expect(applied).toEqual([[], ['1'], []])

  const starting = watching()
  starting.state.orders = new Error('slow')
  starting.state.answer = [{ pause: pauseOf(), leftMs: null }]
  await starting.watch.first(new AbortController().signal)
  expect([starting.applied, starting.state.waiting]).toEqual([[['1']], 0])
})

test('the first reading is repeated until the database answers', async () => {
  const { clock, applied, state, watch } = watching()
  state.answer = new Error('away')
  state.answersAfter = 3
  await watch.first(new AbortController().signal)
  expect(applied.at(-1)).toEqual(['1'])
  expect([clock.slept.length, state.waiting]).toEqual([3, 1])
})

test('groups follow the pauses that are theirs, and beginnings and ends are reported once', () => {
  const calls: string[] = []
  const facts: Fact[] = []
  const groupOf = (id: string) => ({
    id,
    source: { block: (what: 'all' | ReadonlySet<number>) => void calls.push(`${id} ${what === 'all' ? what : [...what].join(' ')}`) },
    workers: { pause: (pauses: readonly Pause[]) => void calls.push(`${id} pauses ${pauses.map((pause) => pause.id).join(' ')}`) },
  })
  const apply = applyPauses([groupOf('a'), groupOf('b')], (fact) => void facts.push(fact))
  const pauses = [
    pauseOf(),
    pauseOf({ id: '2', scope: 'group', group: 'a', target: 'a' }),
    pauseOf({ id: '3', scope: 'partition', group: 'b', target: '4' }),
  ]
  apply(pauses)
  apply(pauses)
  expect(calls).toEqual(['a all', 'a pauses 1 2', 'b 4', 'b pauses 1 3', 'a pauses 1 2', 'b pauses 1 3'])
  apply([])
  expect(calls.slice(6)).toEqual(['a ', 'a pauses ', 'b ', 'b pauses '])
  expect(facts.map((fact) => `${fact.is} ${'state' in fact ? fact.state : ''}`.trim())).toEqual([
    'paused',
    ...Array.from({ length: 3 }, () => 'operator-pause begun'),
    'unpaused',
    ...Array.from({ length: 3 }, () => 'operator-pause over'),
  ])
})

test('readiness names the oldest pause and how many more there are, and is not lost by them', () => {
  expect(pauseNotes([])).toEqual({})
  expect(pauseNotes([pauseOf(), pauseOf({ id: '2' })])).toEqual({
    pauses: {
      ok: true,
      reason: 'paused',
      message:
        'Paused by an operator: email channel paused by ops (test) until it is resumed, and 1 more. /status and workerctl pause list show all.',
      since: '1970-01-01T00:00:00.000Z',
    },
  })
})
