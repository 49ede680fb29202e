import { Command, InvalidArgumentError } from 'commander'
import { messageOf } from '../../src/std/failure.ts'
import { go, ours, plain, type Contender } from './contenders.ts'
import { lineOf, medians, type Figures, type Summary } from './figures.ts'
import { buildPeers, peersIn } from './peers.ts'
import { playDelivery } from './play-delivery.ts'
import { fillTopic, playDrain } from './play-drain.ts'
import { playReplay } from './play-replay.ts'
import { playIdle, playReady } from './play-quiet.ts'
import { conditionsOf, renderSummary } from './render-summary.ts'
import { startServers, type Servers } from './servers.ts'
import type { Probe } from './with-worker.ts'
import { workloads, type Workload } from './workloads.ts'
import { writePerformance } from './write-performance.ts'

interface Options {
  readonly workload?: readonly Workload[]
  readonly rounds: number
  readonly events?: number
  readonly peers?: string
  readonly processes: number
  readonly quick?: true
  readonly json?: true
  readonly write?: true
}

const notQuick = workloads
  .filter((workload) => workload.notQuick === true)
  .map(({ name }) => name)
  .join()

/**
 * `npm run bench`: plays each workload against ours, a plain Node worker and the Go workers, in turns, on servers that it starts. Resolves to the
 * exit code: 0 only if every effect of every run exists exactly once.
 */
export async function main(args: readonly string[]): Promise<number> {
  const options = new Command('bench')
    .description('Measures the daemon beside hand-written workers that do the same work, in turns, on servers that it starts.')
    .option('--workload <names>', `some of ${workloads.map(({ name }) => name).join()}`, workloadsOf)
    .option('--rounds <count>', 'rounds, of which the medians are printed', wholeNumber, 3)
    .option('--events <count>', 'events of each workload that has events, in place of its own number', wholeNumber)
    .option('--processes <count>', 'processes of the daemon, by WORKER_PROCESSES', wholeNumber, 1)
    .option('--peers <folder>', 'sources of the Go workers, built where Go is installed', peersIn)
    .option('--quick', `fewer events, and only where they are named ${notQuick}: all within eight minutes on two cores`)
    .option('--write', 'write the tables into docs/internals/performance.md')
    .option('--json', 'print one JSON object as the last line')
    .parse([...args], { from: 'user' })
    .opts<Options>()
  const chosen = options.workload ?? workloads.filter(({ notQuick }) => options.quick !== true || notQuick !== true)
  const beganAt = performance.now()
  const servers = await startServers({ onProgress: writeLine })
  const faults: string[] = []
  const summaries: Summary[] = []
  try {
    const contenders: Contender[] = [ours({ processes: options.processes }), plain]
    const peers = await buildPeers(options.peers, servers.folder)
    if ('skipped' in peers) writeLine(peers.skipped)
    else contenders.push(go(peers))
    for (const { name, about } of contenders) writeLine(`${name}: ${about}`)
    for (const workload of chosen) {
      const summary = await measure(servers, contenders, workload, sizeOf(workload, options), options.rounds, faults)
      summaries.push(summary)
      writeLine(renderSummary(summary))
    }
  } finally {
    await servers.stop()
  }
  const seconds = Math.round((performance.now() - beganAt) / 1_000)
  const conditions = await conditionsOf({ args, rounds: options.rounds, seconds })
  if (options.write === true) await writePerformance(summaries, conditions)
  if (options.json === true) {
    // The tables were written as they came.
    writeLine([...conditions, ...faults].join('\n'))
    process.stdout.write(`${JSON.stringify({ workloads: summaries.map(lineOf) })}\n`)
  } else process.stdout.write(`${[...conditions, '', ...summaries.map(renderSummary), ...faults].join('\n')}\n`)
  return faults.length === 0 ? 0 : 1
}

/** All rounds of one workload; each round begins with another contender. A run that fails is a fault, and its figures do not count. */
async function measure(
  servers: Servers,
  contenders: readonly Contender[],
  workload: Workload,
  size: number,
  rounds: number,
  faults: string[],
): Promise<Summary> {
  // A Go worker does not say when it is ready, and the hand-written ones keep no outcomes that a second drain could find.
  const isForAll = workload.again !== true && workload.play !== 'replay'
  const able = contenders.filter(({ name }) => name === 'ours' || (isForAll && (workload.play !== 'ready' || name !== 'go')))
  const topic = workload.play === 'drain' ? await fillTopic(servers, size) : null
  const found = new Map<string, Figures[]>()
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < able.length; turn++) {
      const contender = able[(round + turn) % able.length]
      if (contender === undefined) continue
      writeLine(`${workload.name}, round ${round + 1}: ${contender.name}`)
      try {
        const figures = await playOne(servers, contender, workload, size, topic)
        found.set(contender.name, [...(found.get(contender.name) ?? []), figures])
      } catch (error) {
        faults.push(`${workload.name}: ${messageOf(error)}`)
        writeLine(faults.at(-1) ?? '')
      }
    }
  }
  return { workload, contenders: Object.fromEntries([...found].map(([name, figures]) => [name, medians(figures)])) }
}

/** One run of one contender. */
export async function playOne(
  servers: Servers,
  contender: Contender,
  workload: Workload,
  size: number,
  topic: string | null,
  probe?: Probe,
): Promise<Figures> {
  const { play, work, fsync, rate, again = false } = workload
  switch (play) {
    case 'burst':
    case 'steady':
      return playDelivery(servers, contender, { work: work === 'webhooks' ? 'webhooks' : 'mail', fsync, count: size, rate, probe })
    case 'replay':
      return playReplay(servers, contender, { count: size, rate: rate ?? size, fsync })
    case 'drain':
      return playDrain(servers, contender, { topic: topic ?? (await fillTopic(servers, size)), events: size, fsync, again, probe })
    case 'idle':
      return playIdle(servers, contender, size, probe)
    case 'ready':
      return playReady(servers, contender, size, probe)
  }
}

/** `--events` is for workloads that have events. */
export function sizeOf(workload: Workload, { events, quick }: Pick<Options, 'events' | 'quick'>): number {
  const hasEvents = workload.play !== 'idle' && workload.play !== 'ready'
  if (hasEvents && events !== undefined) return events
  return quick === true ? workload.size.quick : workload.size.full
}

/** The workloads of these names, with commas between, each once. @throws {InvalidArgumentError} there is none of a name */
export function workloadsOf(text: string): readonly Workload[] {
  return [...new Set(text.split(',').map((name) => workloadOf(name.trim())))]
}

export function workloadOf(name: string): Workload {
  const found = workloads.find((workload) => workload.name === name)
  if (found === undefined) throw new InvalidArgumentError(`"${name}" is none: give some of ${workloads.map(({ name }) => name).join()}.`)
  return found
}

export function wholeNumber(text: string): number {
  const number = Number(text)
  if (!Number.isSafeInteger(number) || number < 1) throw new InvalidArgumentError('Give a whole number above zero.')
  return number
}

/** To standard error: standard output carries nothing but the result. */
function writeLine(line: string): void {
  process.stderr.write(`${line}\n`)
}
