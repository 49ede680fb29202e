import { once } from 'node:events'
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

it.each([100, 200_000])(
  'a body of %i bytes that is held gives nothing, and all of it once it is let go, whenever it was read first',
  async (size) => {
    for (const isReadFirst of [true, false]) {
      const body = new LazyBody(Buffer.alloc(size, 'x'), { held: true })
      const chunks: Buffer[] = []
      const read = () => void body.on('data', (chunk: Buffer) => chunks.push(chunk))
      if (isReadFirst) read()
      await turn()
      expect([chunks.length, body.isAwaited, body.exhausted]).toEqual([0, isReadFirst, false])
      body.letGo()
      if (!isReadFirst) read()
      await once(body, 'end')
      expect(Buffer.concat(chunks)).toEqual(Buffer.alloc(size, 'x'))
      expect(body.isAwaited).toBe(false)
    }
  },
)

it('a body that was held and destroyed is not read when it is let go', async () => {
  const body = new LazyBody(Buffer.alloc(100), { held: true })
  const chunks: Buffer[] = []
  body.on('data', (chunk: Buffer) => chunks.push(chunk))
  await turn()
  body.destroy()
  body.letGo()
  await turn()
  expect([chunks.length, body.isAwaited, body.exhausted]).toEqual([0, true, false])
})
