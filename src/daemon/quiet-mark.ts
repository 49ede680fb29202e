import type { QuietProcess } from '../admin/status/status-facts.ts'

/**
 * Says in the database that this process is quiet, and that it no longer is; repeated while it is quiet, because a new connection does not know
 * it. A process that was never quiet does nothing.
 */
export function createQuietMark(of: {
  readonly mark: (quiet: QuietProcess | null) => Promise<void>
  /** Milliseconds since 1970; null while the process takes work. */
  readonly since: () => number | null
  readonly pid: number
  readonly host: string
}): () => Promise<void> {
  let isMarked = false
  return async () => {
    const since = of.since()
    if (since === null && !isMarked) return
    await of.mark(since === null ? null : { since: new Date(since), pid: of.pid, host: of.host })
    isMarked = since !== null
  }
}
