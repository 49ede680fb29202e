import { constants, fstatSync, openSync, writeSync } from 'node:fs'

/** Where log lines go. */
export interface LogDestination {
  /** Never throws, and never waits for a slow reader. */
  write(line: string): void
  /** Writes buffered lines, waiting for the reader for at most `deadlineMs`. */
  flush(deadlineMs: number): void
  /** Lines dropped so far, because the reader is gone or too slow. */
  readonly dropped: number
}

export interface LogDestinationOptions {
  readonly fd?: number
  /** The most bytes buffered for a slow reader before lines are dropped. */
  readonly maxBufferedBytes?: number
  /** Replaces the system call in tests. */
  readonly write?: (fd: number, bytes: Uint8Array) => number
}

const RETRY_MS = 20
const EXIT_FLUSH_MS = 1000

/**
 * Writes lines to standard output synchronously, so that lines logged before `process.exit` are not lost. A reader that has stopped reading
 * must not block the daemon (blocked writes would stop heartbeats and end the assignment), so writes are non-blocking: lines that a pipe
 * does not take are buffered, then dropped and counted. After EPIPE nothing more is written; a full disk drops the line.
 */
export function openLogDestination(options: LogDestinationOptions = {}): LogDestination {
  const { fd = 1, maxBufferedBytes: maxHeldBytes = 4 * 1024 * 1024, write = writeSync } = options
  const out = nonBlocking(fd)
  let buffered: Uint8Array[] = []
  let bufferedBytes = 0
  let dropped = 0
  let unreported = 0
  let closed = false
  let timer: NodeJS.Timeout | undefined

  /** Returns true when the buffer is empty. */
  function drain(): boolean {
    while (buffered.length > 0 && !closed) {
      const [bytes] = buffered
      if (bytes === undefined) break
      const written = attempt(bytes)
      if (written === 'wait') return false
      bufferedBytes -= written
      if (written < bytes.length) buffered[0] = bytes.subarray(written)
      else buffered.shift()
    }
    return true
  }

  function attempt(bytes: Uint8Array): number | 'wait' {
    try {
      return write(out, bytes)
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined
      if (code === 'EAGAIN') return 'wait'
      dropped++
      // The reader is gone: the error cannot be reported, and work continues.
      if (code === 'EPIPE' || code === 'EBADF' || code === 'EIO') closed = true
      else unreported++
      return bytes.length
    }
  }

  function push(line: string): void {
    // A line has at least as many bytes as characters: one that cannot fit is not copied.
    const bytes = closed || bufferedBytes + line.length > maxHeldBytes ? null : bytesOf(line, timer !== undefined)
    if (bytes === null || bufferedBytes + bytes.length > maxHeldBytes) {
      dropped++
      unreported++
      return
    }
    buffer(bytes)
  }

  function buffer(bytes: Uint8Array): void {
    buffered.push(bytes)
    bufferedBytes += bytes.length
  }

  function later(): void {
    timer ??= setTimeout(() => {
      timer = undefined
      if (drain()) reportDropped()
      else later()
    }, RETRY_MS).unref()
  }

  function reportDropped(): void {
    if (unreported === 0 || closed) return
    const count = unreported
    unreported = 0
    buffer(Buffer.from(`${JSON.stringify({ level: 'warn', time: new Date().toISOString(), msg: 'log lines dropped', count })}\n`))
    if (!drain()) later()
  }

  function flush(deadlineMs: number): void {
    const deadline = performance.now() + deadlineMs
    while (!drain() && performance.now() < deadline) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5)
    if (closed) buffered = []
  }

  process.once('exit', () => flush(EXIT_FLUSH_MS))
  return {
    write: (line) => {
      push(line)
      // While waiting for the reader, the timer retries: an attempt for each line would cost an exception each.
      if (timer === undefined && !drain()) later()
    },
    flush,
    get dropped() {
      return dropped
    },
  }
}

/**
 * Buffered lines get memory of their own. A slice of Node's buffer pool would keep its whole slab alive: 4 MiB of lines held 170 MiB that
 * way.
 */
function bytesOf(line: string, held: boolean): Uint8Array {
  if (!held) return Buffer.from(line)
  const bytes = Buffer.allocUnsafeSlow(Buffer.byteLength(line))
  bytes.write(line)
  return bytes
}

/**
 * A descriptor that never blocks. A pipe is reopened, because a flag set on the inherited descriptor would be set for the parent
 * too. A socket (systemd, a parent that is Node) cannot be; there Node's own stream sets the flag when it is first touched.
 */
function nonBlocking(fd: number): number {
  try {
    const stat = fstatSync(fd)
    if (stat.isFIFO()) return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK)
    if (stat.isSocket() && fd === 1) process.stdout.on('error', ignore)
  } catch {
    // Closed, or a system without /proc: the write itself will fail.
  }
  return fd
}

/** Printing to a closed reader must not end the process; the log notices it by its own write. */
function ignore(): void {}
