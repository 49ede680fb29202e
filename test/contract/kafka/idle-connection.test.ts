import { createRequire } from 'node:module'
import { expect, test, vi } from 'vitest'
import { scene } from './source-harness.ts'

const require = createRequire(import.meta.url)
const RequestQueue: { prototype: { checkPendingRequests(): void } } = require('kafkajs/src/network/requestQueue/index.js')

test('connections with nothing to send keep no timer going', async () => {
  await using s = await scene()
  const checks = vi.spyOn(RequestQueue.prototype, 'checkPendingRequests')
  const member = s.member()
  await member.start()
  const beats = () => member.source.pulse()?.beats ?? 0
  const from = { beats: beats(), checks: checks.mock.calls.length }
  // Eight fetches that find nothing: two seconds of an idle log.
  await vi.waitFor(() => expect(beats()).toBeGreaterThan(from.beats + 16), { timeout: 20_000, interval: 25 })
  // One for each answer, and few more; kafkajs alone checks every connection a thousand times a second.
  expect(checks.mock.calls.length - from.checks).toBeLessThan(100)
})
