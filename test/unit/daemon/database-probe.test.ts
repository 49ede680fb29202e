import { expect, it } from 'vitest'
import { createDatabaseProbe, promptSql } from '../../../src/daemon/database-probe.ts'
import { WritesRefused } from '../../../src/infra/postgres/client/writable.ts'
import { OperatorError } from '../../../src/std/failure.ts'
import type { Fact } from '../../../src/model/fact.ts'
import type { Sql } from '../../../src/std/sql.ts'
import { createManualClock } from '../../support/manual-clock.ts'

/** A server that started at `started`, is away, or refuses. */
function setUp() {
  const server = {
    started: 'monday',
    away: false,
    rechecks: 0,
    recheckFails: false,
    refuses: null as Error | null,
    lacks: null as Error | null,
  }
  const facts: Fact[] = []
  const watch = createDatabaseProbe(
    {
      async writable() {
        if (server.away) throw new Error('database away')
        if (server.refuses !== null) throw server.refuses
        return server.started
      },
      async rights() {
        if (server.lacks !== null) throw server.lacks
      },
      async recheck() {
        server.rechecks++
        if (server.recheckFails) throw new Error('database away')
      },
    },
    (fact) => facts.push(fact),
  )
  return {
    server,
    watch,
    reported: () => facts.splice(0).map((fact) => (fact.is === 'dependency' ? `${fact.state} ${fact.cause}` : fact.is)),
  }
}

it('reports each change once, and compares progress once with every server that answers', async () => {
  const { server, watch, reported } = setUp()
  expect(watch.outage()).toBe('not probed yet')
  await watch.probe()
  await watch.probe()
  expect([watch.outage(), server.rechecks, reported()]).toEqual([null, 1, ['up null']])
  server.away = true
  await watch.probe()
  await watch.probe()
  expect([watch.outage(), server.rechecks, reported()]).toEqual(['database away', 1, ['down database away']])
  server.away = false
  await watch.probe()
  expect([watch.outage(), server.rechecks, reported()]).toEqual([null, 2, ['up null']])
})

it('detects a restarted server although no probe failed in between', async () => {
  const { server, watch, reported } = setUp()
  await watch.probe()
  server.started = 'tuesday'
  await watch.probe()
  await watch.probe()
  expect([server.rechecks, reported()]).toEqual([2, ['up null']])
})

it('compares again after a failed comparison', async () => {
  const { server, watch } = setUp()
  server.recheckFails = true
  await watch.probe()
  expect(watch.outage()).toBe('database away')
  server.recheckFails = false
  await watch.probe()
  await watch.probe()
  expect([watch.outage(), server.rechecks]).toEqual([null, 2])
})

it('reports what the database refuses, each sentence once, and compares progress when it accepts writes again', async () => {
  const { server, watch, reported } = setUp()
  await watch.probe()
  reported()
  server.refuses = new WritesRefused('It is in recovery.')
  await watch.probe()
  await watch.probe()
  expect([watch.outage(), watch.fault(), reported()]).toEqual([null, 'It is in recovery.', ['down It is in recovery.']])
  server.refuses = null
  server.lacks = new OperatorError('The role may not INSERT.')
  await watch.probe()
  expect([watch.outage(), watch.fault(), reported()]).toEqual([null, 'The role may not INSERT.', ['down The role may not INSERT.']])
  server.lacks = null
  await watch.probe()
  expect([watch.fault(), server.rechecks, reported()]).toEqual([null, 2, ['up null']])
})

function promptFixture(query: () => Promise<never[]>) {
  const clock = createManualClock()
  const sql: Sql = { query }
  return { clock, prompt: promptSql(sql, 5_000, clock) }
}

it('returns as soon as the database answers a prompt statement, and leaves no timer', async () => {
  const good = promptFixture(async () => [])
  expect(await good.prompt.query('SELECT 1')).toEqual([])
  const bad = promptFixture(() => Promise.reject(new Error('refused')))
  await expect(bad.prompt.query('SELECT 1')).rejects.toThrow('refused')
  expect([...good.clock.sleeping, ...bad.clock.sleeping]).toEqual([])
})

it('treats a frozen server as unavailable', async () => {
  const { prompt, clock } = promptFixture(() => new Promise(() => undefined))
  const answer = prompt.query('SELECT 1')
  clock.advance(4_999)
  expect(clock.sleeping).toEqual([5_000])
  clock.advance(1)
  await expect(answer).rejects.toThrow('the database has not answered for 5 s')
})
