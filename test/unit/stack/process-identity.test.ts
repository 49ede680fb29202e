import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { identifyProcess, isRunning } from '../../../stack/process-identity.ts'

test('a process is itself while it runs and nobody after', async () => {
  const child = spawn('sleep', ['60'], { stdio: 'ignore' })
  await once(child, 'spawn')
  const identity = identifyProcess(child.pid ?? 0)
  expect(identity && isRunning(identity)).toBe(true)
  child.kill('SIGKILL')
  await once(child, 'exit')
  expect(identity && isRunning(identity)).toBe(false)
  expect(identifyProcess(child.pid ?? 0)).toBeUndefined()
})

test('the same pid with another start is another process', () => {
  const self = identifyProcess(process.pid)
  expect(self && isRunning(self)).toBe(true)
  expect(isRunning({ pid: process.pid, started: 'at another time' })).toBe(false)
})
