import { Command, InvalidArgumentError } from 'commander'
import { playChaos } from './play-chaos.ts'

interface Options {
  readonly minutes: number
  readonly seed: number
  readonly json?: true
}

/**
 * `npm run chaos`: reads the command line, lets chaos reign, and resolves to the exit code: 0 only if every invariant held. The history of
 * a run that failed stays, and standard error says where.
 */
export async function main(args: readonly string[]): Promise<number> {
  const { minutes, seed, json } = new Command('chaos')
    .description(
      'Starts Kafka, PostgreSQL and sinks, runs two to four daemons under steady load while random faults of every kind strike, heals everything, waits until all is done, and has the whole history checked.',
    )
    .option('--minutes <number>', 'how long faults strike', positive, 10)
    .option('--seed <number>', 'which faults strike when, and which story is told', wholeNumber, 1)
    .option('--json', 'print one JSON object as the last line')
    .parse([...args], { from: 'user' })
    .opts<Options>()
  const summary = await playChaos({ minutes, seed, tell: (line) => process.stderr.write(`${line}\n`) })
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
