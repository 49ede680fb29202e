import { execFileSync, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest'
import { openLogDestination } from '../../../../src/infra/telemetry/log-destination.ts'

const failing = (code: string) => Object.assign(new Error(code), { code })
/** No pipe, so that the stand-in for the system call is handed the descriptor as it is. */
const fd = -1

describe('the log destination', () => {
  it('writes at once, in order', () => {
    const taken: string[] = []
    const destination = openLogDestination({ fd, write: (_, bytes) => taken.push(Buffer.from(bytes).toString()) && bytes.length })
    destination.write('one\n')
    destination.write('two\n')
    expect(taken).toEqual(['one\n', 'two\n'])
  })

  it('continues after a partial write once the reader reads again', async () => {
    let taken = ''
    let room = 3
    const destination = openLogDestination({
      fd,
      write: (_, bytes) => {
        if (room === 0) throw failing('EAGAIN')
        const count = Math.min(room, bytes.length)
        room -= count
        taken += Buffer.from(bytes.subarray(0, count)).toString()
        return count
      },
    })
    destination.write('first\n')
    destination.write('second\n')
    expect(taken).toBe('fir')
    room = 1000
    await vi.waitFor(() => expect(taken).toBe('first\nsecond\n'), { timeout: 30_000 })
    expect(destination.dropped).toBe(0)
  })

  it('drops lines beyond the buffer, counts them and reports the count later', async () => {
    let taken = ''
    let full = true
    const destination = openLogDestination({
      fd,
      maxBufferedBytes: 10,
      write: (_, bytes) => {
        if (full) throw failing('EAGAIN')
        taken += Buffer.from(bytes).toString()
        return bytes.length
      },
    })
    for (let line = 0; line < 5; line++) destination.write('1234\n')
    expect(destination.dropped).toBe(3)
    full = false
    await vi.waitFor(() => expect(taken).toMatch(/^1234\n1234\n\{"level":"warn".*"msg":"log lines dropped","count":3\}\n$/), {
      timeout: 30_000,
    })
  })

  it('keeps no other memory alive with buffered lines', async () => {
    const taken: Uint8Array[] = []
    let full = true
    const destination = openLogDestination({
      fd,
      write: (_, bytes) => {
        if (full) throw failing('EAGAIN')
        taken.push(bytes)
        return bytes.length
      },
    })
    for (let line = 0; line < 5; line++) destination.write('1234\n')
    full = false
    await vi.waitFor(() => expect(taken).toHaveLength(5), { timeout: 30_000 })
    // The first found out that the reader is slow.
    expect(taken.slice(1).map(({ buffer }) => buffer.byteLength)).toEqual([5, 5, 5, 5])
  })

  it('stops writing when the reader is gone, and continues when the disk is full', () => {
    let calls = 0
    const gone = openLogDestination({
      fd,
      write: () => {
        calls++
        throw failing('EPIPE')
      },
    })
    gone.write('one\n')
    gone.write('two\n')
    expect([calls, gone.dropped]).toEqual([1, 2])

    let full = true
    const disk = openLogDestination({
      fd,
      write: (_, bytes) => {
        if (full) throw failing('ENOSPC')
        return bytes.length
      },
    })
    disk.write('one\n')
    full = false
    disk.write('two\n')
    expect(disk.dropped).toBe(1)
  })

  it('waits for a reader until the deadline', () => {
    const destination = openLogDestination({
      fd,
      write: () => {
        throw failing('EAGAIN')
      },
    })
    destination.write('one\n')
    // Nothing ever reads: without a deadline this would not return.
    expect(() => destination.flush(50)).not.toThrow()
  })
})

async function read(stream: ChildProcess['stdout']): Promise<string> {
  let text = ''
  for await (const chunk of stream ?? []) text += String(chunk)
  return text
}

describe('a process that logs', () => {
  const folder = mkdtempSync(join(tmpdir(), 'log-test-'))
  const children: ChildProcess[] = []
  const fifos: number[] = []
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL')
    for (const fifo of fifos.splice(0)) closeSync(fifo)
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  /** Open at both ends, so that writers find a reader: one that never reads. */
  function openFifo(): number {
    const path = join(folder, 'out')
    execFileSync('mkfifo', [path])
    const fifo = openSync(path, constants.O_RDWR)
    fifos.push(fifo)
    return fifo
  }

  /** Logs `lines` lines of about 1 kB to its standard output, then runs `then`; it reports on standard error. */
  function start(lines: number, then: string, pipe = false): ChildProcess {
    const program = `
      import { createLog } from ${JSON.stringify(resolve('src/infra/telemetry/log.ts'))}
      const log = createLog({ level: 'info' })
      const many = () => { for (let n = 0; n < ${lines}; n++) log.info({ n, pad: 'x'.repeat(1000) }, 'line') }
      many()
      ${then}`
    // Node gives its children a socket for 'pipe'; a real pipe, as a shell makes it, has a name here.
    const out = pipe ? openFifo() : 'pipe'
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['ignore', out, 'pipe'] })
    children.push(child)
    return child
  }

  it('loses nothing at process.exit', async () => {
    const child = start(2000, 'process.exit(0)')
    const [text, [code]] = await Promise.all([read(child.stdout), once(child, 'exit')])
    const lines = text.trim().split('\n')
    expect([lines.length, code]).toEqual([2000, 0])
    expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ n: 1999 })
  })

  it('survives a closed reader', async () => {
    const child = start(1, `setTimeout(() => { many(); console.error('alive') }, 300)`)
    await once(child.stdout ?? child, 'data')
    child.stdout?.destroy()
    const [text, [code]] = await Promise.all([read(child.stderr), once(child, 'exit')])
    expect([text, code]).toEqual(['alive\n', 0])
  })

  it.each(['socket', 'pipe'])('keeps working while the reader of its %s does not read, and ends in time', async (kind) => {
    const child = start(10_000, `console.error('alive'); setTimeout(() => process.exit(0), 50)`, kind === 'pipe')
    // Nothing ever reads: without a deadline it would not end.
    const [text, [code]] = await Promise.all([read(child.stderr), once(child, 'exit')])
    expect([text, code]).toEqual(['alive\n', 0])
  })
})
