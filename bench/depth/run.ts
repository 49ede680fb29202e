import { Command } from 'commander'
import { startPostgres } from '../../stack/postgres-server.ts'
import { sizesOf } from '../leaderboard/sizes.ts'
import { measureDepth, type ClaimCost, type DepthFigures } from './measure-depth.ts'

interface Options {
  readonly rows: readonly number[]
  readonly ended: readonly number[]
  readonly json?: true
}

/**
 * `npm run bench:depth`: what claiming a block of intents takes by the number of due intents and outcomes, without and with a dump that holds back
 * vacuum, on a PostgreSQL that it starts.
 */
export async function main(args: readonly string[]): Promise<number> {
  const options = new Command('bench:depth')
    .description(
      'Measures the statement that claims intents by the depth of the queue, without and with an old snapshot that holds back vacuum.',
    )
    .option('--rows <list>', 'due intents, and as many outcomes, as 10k or 10m, with commas between', sizesOf, [10_000, 100_000, 1_000_000])
    .option('--ended <list>', 'intents that end under an old snapshot before the next claims', sizesOf, [1_000, 10_000, 100_000])
    .option('--json', 'print one JSON object as the last line')
    .parse([...args], { from: 'user' })
    .opts<Options>()
  const postgres = await startPostgres({ settings: { max_wal_size: '4GB' }, onProgress: writeLine })
  const all: DepthFigures[] = []
  try {
    for (const rows of options.rows) all.push(await measureDepth(postgres, rows, options.ended, writeLine))
  } finally {
    await postgres.stop()
  }
  const table = [header, ...all.flatMap(linesOf)].join('\n')
  if (options.json === true) {
    writeLine(table)
    process.stdout.write(`${JSON.stringify({ depths: all })}\n`)
  } else process.stdout.write(`${table}\n`)
  return 0
}

const header = 'due intents, outcomes      GB   ended under an old snapshot   claim p50 ms   p99 ms    pages'

function linesOf({ rows, bytes, claim, heldBack }: DepthFigures): readonly string[] {
  const line = (ended: string, { p50Ms, p99Ms, pages }: ClaimCost) =>
    [
      rows.toLocaleString('en').padStart(21),
      (bytes / 1e9).toFixed(2).padStart(7),
      ended.padStart(29),
      p50Ms.toFixed(2).padStart(14),
      p99Ms.toFixed(1).padStart(8),
      pages.toLocaleString('en').padStart(8),
    ].join(' ')
  return [line('no snapshot', claim), ...heldBack.map(({ ended, claim }) => line(ended.toLocaleString('en'), claim))]
}

/** To standard error: standard output carries nothing but the result. */
function writeLine(line: string): void {
  process.stderr.write(`${line}\n`)
}
