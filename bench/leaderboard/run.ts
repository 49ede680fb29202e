import { Command } from 'commander'
import { startPostgres } from '../../stack/postgres-server.ts'
import { benchSize, type SizeFigures } from './bench-size.ts'
import { sizesOf } from './sizes.ts'
import { renderFigures } from './render-figures.ts'

interface Options {
  readonly sizes: readonly number[]
  readonly json?: true
}

/**
 * What a server in production has on where the local stack saves time: without it neither a commit nor a byte of WAL costs what it costs
 * there. All else is as PostgreSQL ships it: 128 MB of shared buffers, 4 MB of work memory, autovacuum.
 */
const settings = { fsync: 'on', full_page_writes: 'on', max_wal_size: '4GB' }

/**
 * `npm run bench:leaderboard`: measures the three ways at each size on a PostgreSQL of its own, and resolves to the exit code: 0 only if
 * every position that any of them stored is the one that the rule gives.
 */
export async function main(args: readonly string[]): Promise<number> {
  const { sizes, json } = new Command('bench:leaderboard')
    .description(
      'Measures what one event costs a leaderboard: rewriting every position, ranking all and writing what changed, and ranking windows, on a PostgreSQL of its own.',
    )
    .option('--sizes <list>', 'participants, as 500, 10k or 1m, with commas between', sizesOf, [1_000, 10_000, 100_000])
    .option('--json', 'print one JSON object as the last line')
    .parse([...args], { from: 'user' })
    .opts<Options>()
  const postgres = await startPostgres({ settings, onProgress: writeLine })
  const figures: SizeFigures[] = []
  try {
    for (const participants of sizes) figures.push(await benchSize(postgres, participants, writeLine))
  } finally {
    await postgres.stop()
  }
  const table = renderFigures(figures)
  if (json !== true) process.stdout.write(`${table}\n`)
  else {
    writeLine(table)
    process.stdout.write(`${JSON.stringify({ sizes: figures.map(summaryOf) })}\n`)
  }
  const wrong = figures.flatMap(({ differences }) => differences)
  for (const difference of wrong) writeLine(difference)
  return wrong.length === 0 ? 0 : 1
}

/** Milliseconds, rows and bytes per event; `burstMs` is one run for all of a burst. */
function summaryOf({ participants, reference, full, windowed }: SizeFigures) {
  return {
    participants,
    referenceMs: rounded(reference.ms),
    fullMs: rounded(full.ms),
    windowedMs: rounded(windowed.ms),
    windowedP99Ms: rounded(windowed.p99Ms),
    rowsWritten: windowed.rows,
    walBytes: windowed.walBytes,
    burstMs: rounded(windowed.burstMs),
  }
}

/** To standard error: standard output carries nothing but the result. */
function writeLine(line: string): void {
  process.stderr.write(`${line}\n`)
}

const rounded = (ms: number) => Math.round(ms * 100) / 100
