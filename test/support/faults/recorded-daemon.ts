import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Daemon } from '../daemon.ts'
import type { Recorder } from './recorder.ts'

/** A daemon whose life and whole output are in the history. */
export interface RecordedDaemon extends Daemon {
  /** From 1, in the order of their starts; `daemon-<number>.log` holds all that it wrote. */
  readonly number: number
  isOver(): boolean
}

/** Starts a daemon with a callback for each line that it writes. */
export type StartDaemon = (onLine: (line: string) => void) => Daemon

/** @param failpoint where a daemon kills itself, if it does */
export function recordDaemon(recorder: Recorder, number: number, start: StartDaemon, failpoint?: string): RecordedDaemon {
  const log = join(recorder.folder, `daemon-${number}.log`)
  // There from the start: one that is killed before its first line has said nothing, which is not the same as a lost log.
  appendFileSync(log, '')
  let lines = 0
  const daemon = start((line) => {
    lines += 1
    appendFileSync(log, `${line}\n`)
  })
  const { pid } = daemon
  const record = (
    event: 'started' | 'ready' | 'signalled' | 'exited',
    more: { signal?: string; code?: number | string; failpoint?: string; lines?: number } = {},
  ) => recorder.record({ is: 'process', at: Date.now(), daemon: number, pid, event, ...more })
  record('started')
  let isOver = false
  const exited = daemon.exited.then((code) => {
    isOver = true
    record('exited', { code, lines, ...(failpoint === undefined ? {} : { failpoint }) })
    return code
  })
  return {
    ...daemon,
    number,
    exited,
    isOver: () => isOver,
    ready: async () => {
      await daemon.ready()
      record('ready')
    },
    kill: (signal) => {
      if (isOver) return
      // Before the signal: what follows from it must not be written first.
      record('signalled', { signal })
      daemon.kill(signal)
    },
  }
}
