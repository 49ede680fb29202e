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
  /** Its width; null for a pipe or a file. */
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
    columns: stdout.isTTY ? stdout.columns : null,
    ask: stdin.isTTY && stdout.isTTY ? ask : null,
  }
}

async function ask(question: string): Promise<string> {
  const lines = createInterface({ input: process.stdin, output: process.stdout })
  try {
    return await lines.question(question)
  } finally {
    lines.close()
  }
}
