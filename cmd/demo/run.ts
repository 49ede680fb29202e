import { Command, InvalidArgumentError } from 'commander'
import { messageOf, OperatorError } from '../../src/std/failure.ts'
import { playLive } from './live.ts'
import { playOnce, summaryOf } from './once.ts'
import { withSession } from './session.ts'
import type { Session } from './session.ts'

interface Options {
  readonly once?: true
  readonly events: number
  readonly seed: number
  readonly json?: true
  readonly existing?: true
}

/** Reads the command line and plays; resolves to the exit code. Standard output carries nothing but the result. */
export async function main(args: readonly string[]): Promise<number> {
  const command = new Command('demo')
    .description(
      'Starts Kafka, PostgreSQL, an SMTP sink, a webhook sink and the worker, and plays the life of a few waitlist campaigns into them.',
    )
    .option('--once', 'play a fixed story, compare its outcome with what it should be, and end')
    .option('--events <number>', 'with --once: how many events', wholeNumber, 2000)
    .option('--seed <number>', 'which story', wholeNumber, 7)
    .option('--json', 'with --once: print one JSON object')
    .option('--existing', 'play on the servers named by DEMO_KAFKA_BROKERS, DEMO_DATABASE_URL and DEMO_SMTP_URL')
    .parse([...args], { from: 'user' })
  const { once, events, seed, json, existing } = command.opts<Options>()
  if (json && !once) {
    process.stderr.write('--json needs --once: without an end there is no result to print.\n')
    return 1
  }

  const stopping = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      // What we started goes with us: see stack/guard.ts.
      if (stopping.signal.aborted) process.exit(130)
      process.stderr.write('Stopping; once more ends it at once.\n')
      stopping.abort()
    })
  }
  const session = { existing: existing ?? false, seed, environment: process.env, signal: stopping.signal, onProgress }
  try {
    if (!once) {
      const play = (running: Session) => playLive(running, { signal: stopping.signal })
      await withSession({ ...session, mailsToShow: 500 }, play, () => true)
      return 0
    }
    const play = (running: Session) => playOnce(running, { events, signal: stopping.signal, onProgress })
    const judged = await withSession({ ...session, mailsToShow: 0 }, play, ({ differences }) => differences.length === 0)
    process.stdout.write(`${json ? JSON.stringify(judged.report) : summaryOf(judged)}\n`)
    for (const difference of judged.differences) process.stderr.write(`${difference}\n`)
    return judged.differences.length === 0 ? 0 : 1
  } catch (error) {
    if (stopping.signal.aborted) return once ? 130 : 0
    process.stderr.write(
      `${error instanceof OperatorError || !(error instanceof Error) ? messageOf(error) : (error.stack ?? error.message)}\n`,
    )
    return 1
  }
}

let lastLine = ''

/** To standard error; a line that repeats itself is told once. */
function onProgress(line: string): void {
  if (line !== lastLine) process.stderr.write(`${line}\n`)
  lastLine = line
}

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text) || Number(text) === 0) throw new InvalidArgumentError('It takes a whole number from 1.')
  return Number(text)
}
