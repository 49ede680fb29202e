import { Command, InvalidArgumentError } from 'commander'
import { messageOf, OperatorError } from '../../src/std/failure.ts'
import { createProgress } from './progress.ts'
import type { Session } from './session.ts'

interface Options {
  readonly once?: true
  readonly events: number
  readonly seed: number
  readonly json?: true
  readonly existing?: true
}

/**
 * Reads the command line and runs the demo; resolves to the exit code. With `--once` standard output carries nothing but the result.
 *
 * Modules that take a second to load are imported after the first line is written.
 */
export async function main(args: readonly string[]): Promise<number> {
  const command = new Command('demo')
    .description(
      'Starts Kafka, PostgreSQL, an SMTP sink, a webhook sink and the daemon, and simulates the traffic of a few waitlist campaigns.',
    )
    .option('--once', 'run a fixed scenario, compare its result with the expected one, and exit')
    .option('--events <number>', 'with --once: number of events', wholeNumber, 2000)
    .option('--seed <number>', 'which scenario', wholeNumber, 7)
    .option('--json', 'with --once: print one JSON object')
    .option('--existing', 'use the servers named by DEMO_KAFKA_BROKERS, DEMO_DATABASE_URL and DEMO_SMTP_URL')
    .parse([...args], { from: 'user' })
  const { once, events, seed, json, existing } = command.opts<Options>()
  if (json && !once) {
    process.stderr.write('--json needs --once: without it the demo runs until it is stopped and has no result.\n')
    return 1
  }

  const progress = createProgress(process.stderr)
  const stopping = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      // The servers end with this process: see stack/guard.ts.
      if (stopping.signal.aborted) process.exit(130)
      progress.line('Stopping; press Ctrl-C again to end at once')
      stopping.abort()
    })
  }
  progress.stage('Loading the demo')
  const session = { existing: existing ?? false, seed, environment: process.env, signal: stopping.signal, progress }
  try {
    const { withSession } = await import('./session.ts')
    if (!once) {
      const { playLive, screenOn } = await import('./live.ts')
      const play = (running: Session) => playLive(running, { signal: stopping.signal, screen: screenOn(process.stdout) })
      await withSession({ ...session, mailsToShow: 500 }, play, () => true)
      return 0
    }
    const { playOnce, summaryOf } = await import('./once.ts')
    const play = (running: Session) => playOnce(running, { events, signal: stopping.signal, progress })
    const judged = await withSession({ ...session, mailsToShow: 0 }, play, ({ differences }) => differences.length === 0)
    progress.done()
    process.stdout.write(`${json ? JSON.stringify(judged.report) : summaryOf(judged)}\n`)
    for (const difference of judged.differences) process.stderr.write(`${difference}\n`)
    return judged.differences.length === 0 ? 0 : 1
  } catch (error) {
    if (stopping.signal.aborted) return once ? 130 : 0
    progress.done()
    process.stderr.write(
      `${error instanceof OperatorError || !(error instanceof Error) ? messageOf(error) : (error.stack ?? error.message)}\n`,
    )
    return 1
  } finally {
    progress.done()
  }
}

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text) || Number(text) === 0) throw new InvalidArgumentError('Give a whole number from 1 to 999999999.')
  return Number(text)
}
