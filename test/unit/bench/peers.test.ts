import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { InvalidArgumentError } from 'commander'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { peersIn } from '../../../bench/workers/peers.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'peers-'))
})
afterEach(() => rm(folder, { recursive: true }))

test('a folder without the sources of both Go workers is refused before anything is started, with the name of what it lacks', async () => {
  expect(() => peersIn(path.join(folder, 'nowhere'))).toThrow(InvalidArgumentError)
  await mkdir(path.join(folder, 'kafka-go'))
  expect(() => peersIn(folder)).toThrow('It has no folder franz-go: give the one that has kafka-go and franz-go.')
  await mkdir(path.join(folder, 'franz-go'))
  expect(peersIn(folder)).toBe(folder)
})
