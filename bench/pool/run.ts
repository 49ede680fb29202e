import { Command, InvalidArgumentError } from 'commander'
import { wholeNumber } from '../workers/run.ts'
import { startServers } from '../workers/servers.ts'
import { playPool, roundTrips, workersFor, type PoolFigures, type PoolWork } from './play-pool.ts'

interface Options {
  readonly work: readonly PoolWork[]
  readonly pools: readonly number[]
  readonly linkMs: number
  readonly endpoints: number
  readonly seconds: number
  readonly most: number
  readonly json?: true
}

/**
 * `npm run bench:pool`: mails and webhooks a second by `KAFKA_WORKER_POOL_SIZE`, over a link with latency to the relay and to many endpoints, on
 * servers that it starts. Resolves to the exit code: 0 only if every effect of every run exists exactly once.
 */
export async function main(args: readonly string[]): Promise<number> {
  const options = new Command('bench:pool')
    .description('Measures how deliveries a second follow KAFKA_WORKER_POOL_SIZE over a link with latency.')
    .option('--work <names>', 'mail, webhook or both', worksOf, ['mail', 'webhook'] as const)
    .option('--pools <list>', 'sizes of the pool, with commas between', poolsOf, [1, 10, 50, 200])
    .option('--link-ms <count>', 'round trip of the link, in milliseconds', wholeNumber, 20)
    .option('--endpoints <count>', 'endpoints, each of an origin of its own', wholeNumber, 500)
    .option('--seconds <count>', 'how long the bound would take for the deliveries of a run', wholeNumber, 8)
    .option('--most <count>', 'deliveries of a run at most', wholeNumber, 10_000)
    .option('--json', 'print one JSON object as the last line')
    .parse([...args], { from: 'user' })
    .opts<Options>()
  const { linkMs, endpoints } = options
  const servers = await startServers({ sinks: { oneWayMs: linkMs / 2, endpoints }, onProgress: writeLine })
  const all: PoolFigures[] = []
  try {
    for (const work of options.work) {
      for (const pool of options.pools) {
        const bound = (workersFor(work, pool) * 1_000) / (roundTrips[work] * linkMs)
        const count = Math.min(options.most, Math.ceil(bound * options.seconds))
        const figures = await playPool(servers, work, pool, count)
        writeLine(lineOf(figures))
        all.push(figures)
      }
    }
  } finally {
    await servers.stop()
  }
  const table = [header, ...all.map(lineOf)].join('\n')
  if (options.json === true) {
    writeLine(table)
    process.stdout.write(`${JSON.stringify({ linkMs, endpoints, pools: all })}\n`)
  } else process.stdout.write(`${table}\n`)
  return 0
}

const header = 'work     pool  workers  per second   bound  share  replies  round trip ms    core  db connections   MiB'

function lineOf(figures: PoolFigures): string {
  const { work, pool, workers, perSecond, bound, exchanges, roundTripMs, core, databaseConnections, rssMiB } = figures
  return [
    work.padEnd(7),
    String(pool).padStart(5),
    String(workers).padStart(8),
    perSecond.toFixed(0).padStart(11),
    bound.toFixed(0).padStart(7),
    `${Math.round((100 * perSecond) / bound)} %`.padStart(6),
    exchanges.toFixed(2).padStart(8),
    roundTripMs.toFixed(1).padStart(14),
    `${Math.round(100 * core)} %`.padStart(7),
    String(databaseConnections).padStart(15),
    (rssMiB ?? 0).toFixed(0).padStart(5),
  ].join(' ')
}

function worksOf(text: string): readonly PoolWork[] {
  return text.split(',').map((name) => {
    if (name === 'mail' || name === 'webhook') return name
    throw new InvalidArgumentError('Give mail, webhook or both with a comma between.')
  })
}

function poolsOf(text: string): readonly number[] {
  return text.split(',').map(wholeNumber)
}

/** To standard error: standard output carries nothing but the result. */
function writeLine(line: string): void {
  process.stderr.write(`${line}\n`)
}
