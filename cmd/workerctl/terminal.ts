import { createInterface } from 'node:readline/promises'
import { environment } from '../../config/environment.ts'
import type { Environment } from '../../config/read-variables.ts'

/** The process as a command sees it. */
export interface Terminal {
  readonly environment: Environment
  /** A line of the result. */
  out(line: string): void
  /** A progress line or an error. */
  err(line: string): void
  /** Whether the reader of the result is gone (`| head`): a command that goes on by itself ends then. */
  readonly isUnread?: () => boolean
  /** Whether people read the result as it is written: it may be coloured. */
  readonly isTerminal: boolean
  /** The width that tables are fitted to; null: as wide as they are. */
  readonly columns: number | null
  /** Null without an interactive terminal. */
  readonly ask: ((question: string) => Promise<string>) | null
}

export function processTerminal(): Terminal {
  const { stdin, stdout, stderr } = process
  let isUnread = false
  // The stream of a process is never destroyed; each write fails.
  stdout.once('error', () => (isUnread = true))
  return {
    environment,
    out: (line) => stdout.write(`${line}\n`),
    err: (line) => stderr.write(`${line}\n`),
    isUnread: () => isUnread,
    isTerminal: stdout.isTTY,
    columns: widthOf(stdout, environment),
    ask: stdin.isTTY && stdout.isTTY ? ask : null,
  }
}

/**
 * The width of the output: `COLUMNS`, as ls and git take it, or the terminal's. Null for a pipe or a file without it: a program that reads on
 * must find everything.
 */
export function widthOf(
  { isTTY, columns }: { readonly isTTY?: boolean; readonly columns?: number },
  { COLUMNS = '' }: Environment,
): number | null {
  if (/^[1-9]\d{0,8}$/.test(COLUMNS)) return Number(COLUMNS)
  // A terminal that does not know its width says 0.
  return isTTY === true && columns !== undefined && columns > 0 ? columns : null
}

async function ask(question: string): Promise<string> {
  const lines = createInterface({ input: process.stdin, output: process.stdout })
  try {
    return await lines.question(question)
  } finally {
    lines.close()
  }
}
