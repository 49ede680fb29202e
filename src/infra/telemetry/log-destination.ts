import { constants, fstatSync, openSync, writeSync } from 'node:fs'

/** Where log lines go. */
export interface LogDestination {
  /** Never throws, and never waits for a slow reader. */
  write(line: string): void
  /** Writes what is held back, waiting for the reader no longer than `deadlineMs`. */
  flush(deadlineMs: number): void
  /** Lines given up so far, because the reader is gone or too slow. */
  readonly dropped: number
}

export interface LogDestinationOptions {
  readonly fd?: number
  /** Bytes held back for a reader that is slow, before lines are dropped. */
  readonly maxHeldBytes?: number
  /** Stands in for the system call in tests. */
  readonly write?: (fd: number, bytes: Uint8Array) => number
}

const RETRY_MS = 20
const EXIT_FLUSH_MS = 1000

/**
 * Lines on standard output, written at once: what was logged before a `process.exit` is out. A reader that has stopped reading
 * must not stop the daemon (a blocked write would end heartbeats, and with them the assignment), so writes do not block, and what
 * a pipe does not take is held back, then dropped and counted. A reader that is gone (EPIPE) ends the
 * writing for good, a full disk costs the line.
 */
export function openLogDestination(options: LogDestinationOptions = {}): LogDestination {
  const { fd = 1, maxHeldBytes = 4 * 1024 * 1024, write = writeSync } = options
  const out = nonBlocking(fd)
  let held: Uint8Array[] = []
  let heldBytes = 0
  let dropped = 0
  let untold = 0
  let gone = false
  let timer: NodeJS.Timeout | undefined

  /** True when nothing is held back any more. */
  function drain(): boolean {
    while (held.length > 0 && !gone) {
      const [bytes] = held
      if (bytes === undefined) break
      const written = attempt(bytes)
      if (written === 'wait') return false
      heldBytes -= written
      if (written < bytes.length) held[0] = bytes.subarray(written)
      else held.shift()
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
      // Nobody is left to read: there is no place to complain, and no reason to stop working.
      if (code === 'EPIPE' || code === 'EBADF' || code === 'EIO') gone = true
      else untold++
      return bytes.length
    }
  }

  function push(line: string): void {
    // A line has at least as many bytes as characters: what cannot fit is not even copied.
    const bytes = gone || heldBytes + line.length > maxHeldBytes ? null : bytesOf(line, timer !== undefined)
    if (bytes === null || heldBytes + bytes.length > maxHeldBytes) {
      dropped++
      untold++
      return
    }
    hold(bytes)
  }

  function hold(bytes: Uint8Array): void {
    held.push(bytes)
    heldBytes += bytes.length
  }

  function later(): void {
    timer ??= setTimeout(() => {
      timer = undefined
      if (drain()) tellDropped()
      else later()
    }, RETRY_MS).unref()
  }

  function tellDropped(): void {
    if (untold === 0 || gone) return
    const count = untold
    untold = 0
    hold(Buffer.from(`${JSON.stringify({ level: 'warn', time: new Date().toISOString(), msg: 'log lines dropped', count })}\n`))
    if (!drain()) later()
  }

  function flush(deadlineMs: number): void {
    const deadline = performance.now() + deadlineMs
    while (!drain() && performance.now() < deadline) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5)
    if (gone) held = []
  }

  process.once('exit', () => flush(EXIT_FLUSH_MS))
  return {
    write: (line) => {
      push(line)
      // While a reader is waited for, the next look is soon: a try for each line would cost an exception each.
      if (timer === undefined && !drain()) later()
    },
    flush,
    get dropped() {
      return dropped
    },
  }
}

/**
 * What is to be held gets memory of its own. A line cut out of Node's pool would keep all of its slab, most of which others used and left:
 * lines of 4 MiB held 170 MiB so.
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
    // Closed, or a system without /proc: the write itself will tell.
  }
  return fd
}

/** Whoever prints to a reader that is gone must not end the process; the log has noticed by its own write. */
function ignore(): void {}
