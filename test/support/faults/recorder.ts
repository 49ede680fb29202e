import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HISTORY_FILE } from '../../invariants/history.ts'
import type { Entry } from '../../invariants/history.ts'

/** Writes a history, line by line as things happen, so that whatever ends the run leaves what was seen before. */
export interface Recorder {
  /** Holds the history and the output of the daemons. */
  readonly folder: string
  record(entry: Entry): void
  /** Writes the last line, by which a history is known to be whole. */
  end(): void
  /** No more is written; the folder stays, or goes. Idempotent. */
  close(what: 'keep' | 'remove'): void
}

/** A history in a new folder below the system's temporary one. */
export function createRecorder(): Recorder {
  const folder = mkdtempSync(join(tmpdir(), 'kafka-worker-history-'))
  const file = openSync(join(folder, HISTORY_FILE), 'a')
  let isOpen = true
  let entries = 0
  // At once and in order: a few microseconds each, a few hundred a second.
  const record = (entry: Entry) => {
    if (!isOpen) return
    writeSync(file, `${JSON.stringify(entry)}\n`)
    entries += 1
  }
  return {
    folder,
    record,
    end: () => record({ is: 'end', at: Date.now(), entries }),
    close: (what) => {
      if (!isOpen) return
      isOpen = false
      closeSync(file)
      if (what === 'remove') rmSync(folder, { recursive: true, force: true })
    },
  }
}
