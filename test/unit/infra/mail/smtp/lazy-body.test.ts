import { Writable } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { LazyBody } from '../../../../../src/infra/mail/smtp/lazy-body.ts'

it.each([100, 60_000, 200_000])('the end of %i bytes is not read ahead of a stuck connection', async (size) => {
  const releases: (() => void)[] = []
  const chunks: Buffer[] = []
  const connection = new Writable({
    highWaterMark: 1,
    write: (chunk: Buffer, _encoding, done) => {
      chunks.push(chunk)
      releases.push(done)
    },
  })
  const body = new LazyBody(Buffer.alloc(size))
  body.pipe(connection)
  while (Buffer.concat(chunks).length < size) {
    releases.pop()?.()
    await turn()
  }
  for (let i = 0; i < 5; i++) await turn()
  expect(body.exhausted).toBe(false)
  releases.pop()?.()
  for (let i = 0; i < 5; i++) await turn()
  expect(body.exhausted).toBe(true)
})
