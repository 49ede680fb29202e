import { expect, it } from 'vitest'
import { promptSql } from '../../../src/daemon/prompt-sql.ts'
import type { Sql } from '../../../src/std/sql.ts'
import { createHeldClock } from '../../support/held-clock.ts'

function sceneOf(query: () => Promise<never[]>) {
  const clock = createHeldClock()
  const sql: Sql = { query }
  return { clock, prompt: promptSql(sql, 5_000, clock) }
}

it('returns as soon as the database answers, and leaves no timer', async () => {
  const good = sceneOf(async () => [])
  expect(await good.prompt.query('SELECT 1')).toEqual([])
  const bad = sceneOf(() => Promise.reject(new Error('refused')))
  await expect(bad.prompt.query('SELECT 1')).rejects.toThrow('refused')
  expect([...good.clock.sleeping, ...bad.clock.sleeping]).toEqual([])
})

it('treats a frozen server as unavailable', async () => {
  const { prompt, clock } = sceneOf(() => new Promise(() => undefined))
  const asked = prompt.query('SELECT 1')
  clock.pass(4_999)
  expect(clock.sleeping).toEqual([5_000])
  clock.pass(1)
  await expect(asked).rejects.toThrow('the database has not answered for 5 s')
})
