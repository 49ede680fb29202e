import { describe, expect, it, onTestFinished } from 'vitest'
import type { Fact } from '../../../src/model/fact.ts'
import { createOutboxRelay, type OutboxRelay } from '../../../src/outbox/outbox-relay.ts'
import type { OutboxRecord, Refusal } from '../../../src/outbox/outbox-sender.ts'
import { OUTBOX_SHARDS, type OutboxRow, type OutboxSession } from '../../../src/outbox/outbox-session.ts'
import { eventually } from '../../support/eventually.ts'
import { createManualClock } from '../../support/manual-clock.ts'
import { allOrNothing } from '../../support/send-outcome.ts'

/** The table and its locks in memory. */
class Outbox {
  readonly rows: (OutboxRow & { readonly shard: number })[] = []
  readonly holders = new Map<number, object>()
  readonly sessions = new Set<object>()
  marked: string[] = []
  /** The database takes no marks. */
  isLocked = false

  add(shard: number, count: number, topic = 'events'): void {
    for (let index = 0; index < count; index++) {
      const position = String(this.rows.length + 1)
      const fields = { id: position, topic, key: String(shard), type: 'user.signed_up', headers: {}, payload: position, bytes: 1 }
      this.rows.push({ shard, position, ...fields })
    }
  }

  open(): OutboxSession & { lose(): void } {
    const self = {}
    this.sessions.add(self)
    const end = () => {
      this.sessions.delete(self)
      for (const [shard, holder] of this.holders) if (holder === self) this.holders.delete(shard)
    }
    const alive = async <Result>(result: () => Result): Promise<Result> => {
      if (!this.sessions.has(self)) throw new Error('the connection is lost')
      return result()
    }
    const waiting = () => this.rows.filter(({ position }) => !this.marked.includes(position))
    return {
      lose: end,
      relays: () => alive(() => this.sessions.size),
      take: (shard) =>
        alive(() => {
          if (this.holders.has(shard)) return false
          this.holders.set(shard, self)
          return true
        }),
      release: (shard) => alive(() => void this.holders.delete(shard)),
      due: (shards) => alive(() => shards.filter((shard) => waiting().some((row) => row.shard === shard))),
      block: (shard) =>
        alive(() =>
          waiting()
            .filter((row) => row.shard === shard)
            .slice(0, 2),
        ),
      settle: (published, failed) =>
        alive(() => {
          if (this.isLocked) throw new Error('lock timeout')
          this.marked.push(...published.map(({ position }) => position), ...failed.map(({ row }) => row.position))
        }),
      close: async () => end(),
    }
  }
}

type Send = (topic: string, records: readonly OutboxRecord[]) => Promise<Refusal | null>

function createRelay(outbox: Outbox, send: Send, clock = createManualClock()) {
  const facts: Fact[] = []
  const sessions: ReturnType<Outbox['open']>[] = []
  const openSession = async () => {
    const session = outbox.open()
    sessions.push(session)
    return session
  }
  const relay = createOutboxRelay({ openSession, sender: allOrNothing(send), clock, observe: (fact) => facts.push(fact) })
  onTestFinished(() => relay.stop())
  return { relay, clock, facts, sessions, reported: (is: Fact['is']) => facts.filter((fact) => fact.is === is) }
}

/** A turn begins nothing for a shard whose last try is about to end. */
function turningUntil(relay: OutboxRelay, what: string, look: () => true | string): Promise<void> {
  return eventually(what, async () => {
    await relay.turn()
    return look()
  })
}

function createLog() {
  const values: string[] = []
  const send: Send = async (_, records) => {
    values.push(...records.map(({ value }) => value.toString()))
    return null
  }
  return { values, send }
}

describe('the relay', () => {
  it('publishes each shard block by block in its order, and marks what it has published', async () => {
    const outbox = new Outbox()
    outbox.add(1, 5)
    outbox.add(6, 3)
    const log = createLog()
    const { relay, reported } = createRelay(outbox, log.send)
    await turningUntil(relay, 'all is marked', () => outbox.marked.length === 8 || String(outbox.marked))
    expect(log.values.filter((value) => Number(value) <= 5)).toEqual(['1', '2', '3', '4', '5'])
    expect(log.values.filter((value) => Number(value) > 5)).toEqual(['6', '7', '8'])
    expect(reported('outbox-published').map((fact) => 'events' in fact && fact.events)).toEqual([2, 2, 2, 1, 1])
    expect(relay.status()).toEqual({ shards: [0, 1, 2, 3, 4, 5, 6, 7], relays: 1, waiting: null })
  })

  it('shares the shards with another, evenly, and takes them over when that one is gone', async () => {
    const outbox = new Outbox()
    const clock = createManualClock()
    const one = createRelay(outbox, createLog().send, clock)
    const two = createRelay(outbox, createLog().send, clock)
    await one.relay.turn()
    await two.relay.turn()
    expect([one.relay.status().shards.length, two.relay.status().shards.length]).toEqual([OUTBOX_SHARDS, 0])
    for (let round = 0; round < 3; round++) {
      clock.advance(2_000)
      await one.relay.turn()
      await two.relay.turn()
    }
    expect([one.relay.status().shards, two.relay.status().shards]).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6, 7],
    ])
    two.sessions[0]?.lose()
    clock.advance(2_000)
    await one.relay.turn()
    expect(one.relay.status().shards.length).toBe(OUTBOX_SHARDS)
  })

  it('sends nothing after its connection was lost, and only marks what Kafka acknowledged meanwhile', async () => {
    const outbox = new Outbox()
    outbox.add(2, 4)
    const log = createLog()
    const held = Promise.withResolvers<void>()
    const { relay, clock, sessions, reported } = createRelay(outbox, async (topic, records) => {
      const result = await log.send(topic, records)
      if (log.values.length === 2) await held.promise
      return result
    })
    await relay.turn()
    await eventually('a block is in flight', () => log.values.length === 2 || String(log.values))
    sessions[0]?.lose()
    await expect(relay.turn()).rejects.toThrow('the connection is lost')
    expect(relay.status()).toMatchObject({ shards: [], relays: null })
    held.resolve()
    await eventually('the shard waits', () => reported('outbox-waiting').length === 1 || 'it does not')
    expect([log.values, outbox.marked]).toEqual([['1', '2'], []])
    clock.advance(1_000)
    await turningUntil(relay, 'all is marked', () => outbox.marked.length === 4 || String(outbox.marked))
    expect(log.values).toEqual(['1', '2', '3', '4'])
    expect(reported('outbox-published')).toMatchObject([
      { events: 2, repeats: 0 },
      { events: 2, repeats: 0 },
    ])
  })

  it('sends once what it cannot mark, for as long as that lasts', async () => {
    const outbox = new Outbox()
    outbox.add(2, 2)
    const log = createLog()
    const { relay, clock, reported } = createRelay(outbox, log.send)
    outbox.isLocked = true
    for (let tries = 1; tries <= 5; tries++) {
      await turningUntil(relay, 'the shard waits', () => reported('outbox-waiting').length === tries || 'it does not')
      clock.advance(60_000)
    }
    outbox.isLocked = false
    await turningUntil(relay, 'all is marked', () => outbox.marked.length === 2 || String(outbox.marked))
    expect(log.values).toEqual(['1', '2'])
    expect(reported('outbox-published')).toMatchObject([{ events: 2, repeats: 0 }])
  })

  it('sends an event with the position of another one that it could not mark', async () => {
    const outbox = new Outbox()
    outbox.add(2, 1)
    const log = createLog()
    const { relay, clock, reported } = createRelay(outbox, log.send)
    outbox.isLocked = true
    await turningUntil(relay, 'the shard waits', () => reported('outbox-waiting').length === 1 || 'it does not')
    const [row] = outbox.rows
    // As after a restore of the database.
    if (row !== undefined) outbox.rows[0] = { ...row, id: 'another', payload: 'another' }
    outbox.isLocked = false
    clock.advance(60_000)
    await turningUntil(relay, 'it is marked', () => outbox.marked.length === 1 || String(outbox.marked))
    expect(log.values).toEqual(['1', 'another'])
  })

  it('counts as repeats what it sends again after a send without an answer', async () => {
    const outbox = new Outbox()
    outbox.add(2, 2)
    const log = createLog()
    let isDeaf = true
    const { relay, clock, reported } = createRelay(outbox, async (topic, records) => {
      const refusal = await log.send(topic, records)
      if (isDeaf) throw new Error('no answer')
      return refusal
    })
    await turningUntil(relay, 'the shard waits', () => reported('outbox-waiting').length === 1 || 'it does not')
    isDeaf = false
    clock.advance(60_000)
    await turningUntil(relay, 'all is marked', () => outbox.marked.length === 2 || String(outbox.marked))
    expect(reported('outbox-published')).toMatchObject([{ events: 2, repeats: 2 }])
  })

  it('does not send the rest of a block in flight once the connection was lost', async () => {
    const outbox = new Outbox()
    outbox.add(2, 1)
    outbox.add(2, 1, 'others')
    const log = createLog()
    const held = Promise.withResolvers<void>()
    const { relay, sessions, reported } = createRelay(outbox, async (topic, records) => {
      const result = await log.send(topic, records)
      await held.promise
      return result
    })
    await relay.turn()
    await eventually('the first topic is in flight', () => log.values.length === 1 || String(log.values))
    sessions[0]?.lose()
    await expect(relay.turn()).rejects.toThrow('the connection is lost')
    held.resolve()
    await eventually('the shard waits', () => reported('outbox-waiting').length === 1 || 'it does not')
    expect(log.values).toEqual(['1'])
  })

  it('waits for Kafka with growing pauses, fails nothing, and says why', async () => {
    const outbox = new Outbox()
    outbox.add(0, 1)
    let isAway = true
    const log = createLog()
    const { relay, clock, reported } = createRelay(outbox, async (topic, records) => {
      if (isAway) throw new Error('no broker answers')
      return log.send(topic, records)
    })
    for (let seconds = 0; seconds < 300; seconds++) {
      await relay.turn()
      await eventually('the send has failed', () => relay.status().waiting !== null || 'not yet')
      clock.advance(1_000)
    }
    const tries = reported('outbox-waiting').length
    expect(tries).toBeGreaterThan(10)
    expect(tries).toBeLessThan(35)
    expect(relay.status().waiting).toMatchObject({ reason: 'no broker answers' })
    expect(outbox.marked).toEqual([])
    isAway = false
    clock.advance(30_000)
    await turningUntil(relay, 'it is published', () => outbox.marked.length === 1 || 'not yet')
    await eventually('nothing waits', () => relay.status().waiting === null || 'still')
    expect(log.values).toEqual(['1'])
  })

  it('gives a send without an answer up after a minute', async () => {
    const outbox = new Outbox()
    outbox.add(0, 1)
    const { relay, clock } = createRelay(outbox, () => new Promise(() => undefined))
    await relay.turn()
    await eventually('the send is in flight', () => clock.sleeping.length > 0 || 'not yet')
    clock.advance(60_000)
    await eventually('it waits', () => relay.status().waiting?.reason === 'Kafka has not answered for 60 s' || 'not yet')
    expect(outbox.marked).toEqual([])
  })

  it('gives its shards up in quiet mode, and takes them again afterwards', async () => {
    const outbox = new Outbox()
    const { relay } = createRelay(outbox, createLog().send)
    await relay.turn()
    relay.quiet(true)
    outbox.add(3, 1)
    await relay.turn()
    expect([relay.status().shards, outbox.holders.size, outbox.marked]).toEqual([[], 0, []])
    relay.quiet(false)
    await turningUntil(relay, 'it is published', () => outbox.marked.length === 1 || 'not yet')
  })

  it('waits in quiet mode for the block in flight without holding up its turns, and goes on with the rest afterwards', async () => {
    const outbox = new Outbox()
    outbox.add(3, 6)
    const log = createLog()
    const held = Promise.withResolvers<undefined>()
    const { relay } = createRelay(outbox, async (topic, records) => {
      await held.promise
      return log.send(topic, records)
    })
    await relay.turn()
    relay.quiet(true)
    await relay.turn()
    expect(outbox.holders.size).toBe(OUTBOX_SHARDS)
    held.resolve(undefined)
    await eventually('the block is marked', () => outbox.marked.length === 2 || String(outbox.marked))
    await relay.turn()
    expect([relay.status().shards, outbox.holders.size, log.values]).toEqual([[], 0, ['1', '2']])
    relay.quiet(false)
    await turningUntil(relay, 'the rest is published', () => outbox.marked.length === 6 || String(outbox.marked))
  })

  it('says why it has no connection', async () => {
    const outbox = new Outbox()
    const open = { isAllowed: false }
    const relay = createOutboxRelay({
      openSession: () => (open.isAllowed ? Promise.resolve(outbox.open()) : Promise.reject(new Error('too many connections'))),
      sender: allOrNothing(createLog().send),
      clock: createManualClock(),
      observe: () => undefined,
    })
    onTestFinished(() => relay.stop())
    await expect(relay.turn()).rejects.toThrow('too many connections')
    expect(relay.status()).toMatchObject({ shards: [], relays: null, waiting: { reason: 'too many connections' } })
    open.isAllowed = true
    await relay.turn()
    expect(relay.status()).toMatchObject({ relays: 1, waiting: null })
  })

  it('stops within its time, even if a send is never answered', async () => {
    const outbox = new Outbox()
    outbox.add(3, 2)
    const { relay } = createRelay(outbox, () => new Promise(() => undefined))
    await relay.turn()
    relay.quiet(true)
    await relay.turn()
    await relay.stop()
    expect([outbox.holders.size, outbox.sessions.size, outbox.marked]).toEqual([0, 0, []])
  })

  it('finishes the block in flight when it stops, and gives its shards up', async () => {
    const outbox = new Outbox()
    outbox.add(3, 4)
    const held = Promise.withResolvers<null>()
    const { relay } = createRelay(outbox, () => held.promise)
    await relay.turn()
    const stopped = relay.stop()
    held.resolve(null)
    await stopped
    expect([outbox.marked, outbox.holders.size, outbox.sessions.size]).toEqual([['1', '2'], 0, 0])
    await relay.turn()
    expect(outbox.sessions.size).toBe(0)
  })
})
