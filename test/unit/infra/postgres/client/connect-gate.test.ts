import { expect, it } from 'vitest'
import { ConnectGate } from '../../../../../src/infra/postgres/client/connect-gate.ts'
import { SqlError } from '../../../../../src/std/sql.ts'

function setUp() {
  const time = { now: 0 }
  const tried: number[] = []
  const gate = new ConnectGate(() => time.now)
  const connect = (connecting: () => Promise<string>) =>
    gate.pass(
      () => {
        tried.push(time.now)
        return connecting()
      },
      (thrown) => new SqlError(String(thrown), {}),
    )
  return { time, tried, connect }
}

const refused = () => Promise.reject(new Error('refused'))

it('lets everybody through while connecting works', async () => {
  const { tried, connect } = setUp()
  await Promise.all(Array.from({ length: 20 }, () => connect(async () => 'connection')))
  expect(tried).toHaveLength(20)
})

it('while it fails many callers make one attempt per pause, at growing distances up to a second, and all hear the cause', async () => {
  const { time, tried, connect } = setUp()
  for (; time.now < 60_000; time.now += 10) await expect(connect(refused)).rejects.toThrow('refused')
  expect(tried.length).toBeLessThan(125)
  const pauses = tried.slice(1).map((at, index) => at - (tried[index] ?? 0))
  expect(Math.max(...pauses)).toBeLessThanOrEqual(1_010)
  expect(Math.min(...pauses.slice(5))).toBeGreaterThanOrEqual(500)
})

it('an attempt that hangs keeps nobody from the next, and one that succeeds lets all through again', async () => {
  const { time, tried, connect } = setUp()
  await expect(connect(refused)).rejects.toThrow('refused')
  time.now += 1_000
  void connect(() => new Promise(() => undefined))
  await expect(connect(async () => 'too soon')).rejects.toThrow('refused')
  time.now += 1_000
  expect(await connect(async () => 'connection')).toBe('connection')
  expect(await connect(async () => 'another')).toBe('another')
  expect(tried).toHaveLength(4)
})
