import { createInterface } from 'node:readline/promises'
import { environment } from '../../config/environment.ts'
import type { Environment } from '../../config/read-variables.ts'

/** What a verb sees of the process that runs it. */
export interface Terminal {
  readonly environment: Environment
  /** A line of the result. */
  out(line: string): void
  /** A line about the work, or about what went wrong. */
  err(line: string): void
  /** How wide it is; null for a pipe or a file. */
  readonly columns: number | null
  /** Null when nobody sits there to answer. */
  readonly ask: ((question: string) => Promise<string>) | null
}

export function processTerminal(): Terminal {
  const { stdin, stdout, stderr } = process
  return {
    environment,
    out: (line) => stdout.write(`${line}\n`),
    err: (line) => stderr.write(`${line}\n`),
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
