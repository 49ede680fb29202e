import { Command, InvalidArgumentError } from 'commander'
import { runChaos } from './run-chaos.ts'

interface Options {
  readonly minutes: number
  readonly seed: number
  readonly json?: true
}

/**
 * `npm run chaos`: reads the command line, runs the chaos test, and resolves to the exit code: 0 only if every check passed. The history of
 * a failed run is kept, and standard error names its folder.
 */
export async function main(args: readonly string[]): Promise<number> {
  const { minutes, seed, json } = new Command('chaos')
    .description(
      'Starts Kafka, PostgreSQL and sinks, runs two to four daemons under steady load with random faults of every kind, heals everything, waits until all work is done, and checks the whole history.',
    )
    .option('--minutes <number>', 'how long faults are injected', positive, 10)
    .option('--seed <number>', 'seed of the faults and of the traffic', wholeNumber, 1)
    .option('--json', 'print one JSON object as the last line')
    .parse([...args], { from: 'user' })
    .opts<Options>()
  const summary = await runChaos({ minutes, seed, report: (line) => process.stderr.write(`${line}\n`) })
  if (json === true) process.stdout.write(`${JSON.stringify(summary)}\n`)
  else for (const [name, figure] of Object.entries(summary)) process.stdout.write(`${name} ${String(figure)}\n`)
  return summary.violations === 0 ? 0 : 1
}

function positive(text: string): number {
  const number = Number(text)
  if (!(number > 0 && number <= 1_440)) throw new InvalidArgumentError('It must be more than 0 and at most 1440.')
  return number
}

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('It must be a whole number of at most nine digits.')
  return Number(text)
}
