import { Command, InvalidArgumentError } from 'commander'
import { startLocalStack } from '../../stack/local-stack.ts'
import { codecs } from '../../src/infra/kafka/patches/codecs.ts'
import { isCodecName, measureCell, type Cell, type CodecName } from './cell.ts'

interface Options {
  readonly events: number
  readonly codecs: readonly CodecName[]
  readonly partitions: readonly number[]
  readonly json?: true
}

/**
 * `npm run bench:memory`: what a daemon holds while it catches up on a topic that is full of events, on servers of its own, in each codec and at
 * each number of partitions. Resolves to the exit code: 0 only if every daemon came to the end of its topic below the limit.
 */
export async function main(args: readonly string[]): Promise<number> {
  const options = new Command('bench:memory')
    .description('Measures the resident memory of a daemon that catches up on a topic, by codec and number of partitions.')
    .option('--events <count>', 'referral.created on the topic', (text) => listOf(text)[0] ?? 0, 800_000)
    .option('--codecs <list>', Object.keys(codecs).join(), codecsOf, Object.keys(codecs).filter(isCodecName))
    .option('--partitions <list>', 'numbers of partitions, with commas between', listOf, [1, 3, 10, 50])
    .option('--json', 'print one JSON object as the last line')
    .parse([...args], { from: 'user' })
    .opts<Options>()
  const stack = await startLocalStack({ onProgress: writeLine })
  const cells: Cell[] = []
  try {
    for (const codec of options.codecs) {
      for (const partitions of options.partitions) {
        const cell = await measureCell(stack, { codec, partitions, events: options.events })
        writeLine(lineOf(cell))
        cells.push(cell)
      }
    }
  } finally {
    await stack.stop()
  }
  const table = [header, ...cells.map(lineOf)].join('\n')
  if (options.json === true) {
    writeLine(table)
    process.stdout.write(`${JSON.stringify({ events: options.events, mostMegabytes: MOST_MEGABYTES, cells })}\n`)
  } else process.stdout.write(`${table}\n`)
  return cells.every(({ ended, peakMegabytes }) => ended === null && peakMegabytes < MOST_MEGABYTES) ? 0 : 1
}

/** docs/internals/performance.md states it. */
const MOST_MEGABYTES = 400

const header = 'codec   partitions      events  bytes each    seconds  peak resident'

function lineOf({ codec, partitions, events, eventBytes, seconds, peakMegabytes, ended }: Cell): string {
  return [
    codec.padEnd(6),
    String(partitions).padStart(11),
    events.toLocaleString('en').padStart(11),
    String(eventBytes).padStart(11),
    String(seconds).padStart(10),
    ended === null ? `${peakMegabytes} MB`.padStart(14) : `  ended: ${ended}`,
  ].join(' ')
}

function listOf(text: string): number[] {
  return text.split(',').map((item) => {
    const number = Number(item)
    if (!Number.isSafeInteger(number) || number < 1) throw new InvalidArgumentError('Give whole numbers above zero.')
    return number
  })
}

function codecsOf(text: string): CodecName[] {
  return text.split(',').map((name) => {
    if (isCodecName(name)) return name
    throw new InvalidArgumentError(`Give some of ${Object.keys(codecs).join()}.`)
  })
}

/** To standard error: standard output carries nothing but the result. */
function writeLine(line: string): void {
  process.stderr.write(`${line}\n`)
}
