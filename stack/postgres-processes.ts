import { setTimeout as pause } from 'node:timers/promises'
import { childProcesses } from './child-processes.ts'
import { guard } from './guard.ts'
import type { GuardedProcess } from './guarded-process.ts'
import { isRunning, type ProcessIdentity } from './process-identity.ts'

/** How long children get to notice that the postmaster is gone. Milliseconds. */
const NOTICE_MS = 5_000

/** All processes of a server as one thing: each child leads a session of its own, so that no signal to a group reaches all. */
export class PostgresProcesses {
  readonly #postmaster: GuardedProcess
  #frozen: readonly { readonly child: ProcessIdentity; readonly release: () => void }[] | null = null

  constructor(postmaster: GuardedProcess) {
    this.#postmaster = postmaster
  }

  /** Stops them where they stand (SIGSTOP): connections stay open and nothing answers. */
  freeze(): void {
    if (this.#frozen !== null || !this.#postmaster.running()) return
    // First the one that could start more.
    this.#postmaster.signal('SIGSTOP')
    this.#frozen = childProcesses(this.#postmaster.pid).map((child) => {
      send(child, 'SIGSTOP')
      // A frozen child would not notice that the postmaster is gone, and outlive us all.
      return { child, release: guard({ kind: 'process', process: child, signal: 'SIGCONT' }) }
    })
  }

  thaw(): void {
    if (this.#frozen === null) return
    for (const { child, release } of this.#frozen) {
      send(child, 'SIGCONT')
      release()
    }
    this.#frozen = null
    this.#postmaster.signal('SIGCONT')
  }

  /** SIGKILL to the postmaster; resolves when its children are gone as well, which no new server could start before. */
  async kill(): Promise<void> {
    const children = this.#postmaster.running() ? childProcesses(this.#postmaster.pid) : []
    await this.#postmaster.end('SIGKILL')
    this.thaw()
    const deadline = Date.now() + NOTICE_MS
    while (children.some(isRunning)) {
      if (Date.now() > deadline) for (const child of children) send(child, 'SIGKILL')
      await pause(10)
    }
  }
}

function send(to: ProcessIdentity, signal: NodeJS.Signals): void {
  if (!isRunning(to)) return
  try {
    process.kill(to.pid, signal)
  } catch {
    // It ended meanwhile.
  }
}
