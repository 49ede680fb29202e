import { expect, it } from 'vitest'
import { watchDatabase } from '../../../src/daemon/database-probe.ts'
import { WritesRefused } from '../../../src/infra/postgres/client/writable.ts'
import { OperatorError } from '../../../src/std/failure.ts'
import type { Fact } from '../../../src/model/fact.ts'

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
  const watch = watchDatabase(
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
  return { server, watch, told: () => facts.splice(0).map((fact) => (fact.is === 'dependency' ? `${fact.state} ${fact.cause}` : fact.is)) }
}

it('tells each change once, and has progress compared with every server that answers, once', async () => {
  const { server, watch, told } = setUp()
  expect(watch.trouble()).toBe('not asked yet')
  await watch.look()
  await watch.look()
  expect([watch.trouble(), server.rechecks, told()]).toEqual([null, 1, ['up null']])
  server.away = true
  await watch.look()
  await watch.look()
  expect([watch.trouble(), server.rechecks, told()]).toEqual(['database away', 1, ['down database away']])
  server.away = false
  await watch.look()
  expect([watch.trouble(), server.rechecks, told()]).toEqual([null, 2, ['up null']])
})

it('notices another server that answers although none was missed in between', async () => {
  const { server, watch, told } = setUp()
  await watch.look()
  server.started = 'tuesday'
  await watch.look()
  await watch.look()
  expect([server.rechecks, told()]).toEqual([2, ['up null']])
})

it('compares again when it could not', async () => {
  const { server, watch } = setUp()
  server.recheckFails = true
  await watch.look()
  expect(watch.trouble()).toBe('database away')
  server.recheckFails = false
  await watch.look()
  await watch.look()
  expect([watch.trouble(), server.rechecks]).toEqual([null, 2])
})

it('names what the database refuses, each sentence once, and compares progress when it takes writes again', async () => {
  const { server, watch, told } = setUp()
  await watch.look()
  told()
  server.refuses = new WritesRefused('It is in recovery.')
  await watch.look()
  await watch.look()
  expect([watch.trouble(), watch.fault(), told()]).toEqual([null, 'It is in recovery.', ['down It is in recovery.']])
  server.refuses = null
  server.lacks = new OperatorError('The role may not INSERT.')
  await watch.look()
  expect([watch.trouble(), watch.fault(), told()]).toEqual([null, 'The role may not INSERT.', ['down The role may not INSERT.']])
  server.lacks = null
  await watch.look()
  expect([watch.fault(), server.rechecks, told()]).toEqual([null, 2, ['up null']])
})
