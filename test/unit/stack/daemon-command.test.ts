import { existsSync } from 'node:fs'
import { expect, it } from 'vitest'
import { daemonCommand } from '../../../stack/daemon-command.ts'

it('starts the daemon as npm start does, its heap limits included', () => {
  const { command, args } = daemonCommand()
  expect(command).toBe(process.execPath)
  expect(args.slice(0, -1)).toEqual([
    '--expose-gc',
    expect.stringMatching(/^--max-semi-space-size=\d+$/),
    expect.stringMatching(/^--heap-growing-percent=\d+$/),
    expect.stringMatching(/^--max-old-space-size=\d+$/),
  ])
  expect(args.at(-1)).toMatch(/cmd\/kafka-worker\/main\.js$/)
  expect(existsSync(args.at(-1) ?? '')).toBe(true)
})
