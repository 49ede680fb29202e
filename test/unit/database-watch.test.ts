import { expect, it } from 'vitest'
import { watchDatabase } from '../../src/database-watch.ts'
import type { Fact } from '../../src/worker/fact.ts'

/** A server that started at `started`, or is away. */
function setUp() {
  const server = { started: 'monday', away: false, rechecks: 0, recheckFails: false }
  const facts: Fact[] = []
  const answer = async () => {
    if (server.away) throw new Error('database away')
    return [{ started: server.started }]
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- one question, one row
  const sql = { query: answer as never }
  const watch = watchDatabase(
    sql,
    (fact) => facts.push(fact),
    async () => {
      server.rechecks++
      if (server.recheckFails) throw new Error('database away')
    },
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
