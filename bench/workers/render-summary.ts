import { execFile } from 'node:child_process'
import { availableParallelism, cpus, release, totalmem } from 'node:os'
import { promisify } from 'node:util'
import { defaultKafkaVersion } from '../../stack/kafka-jars.ts'
import type { ContenderName } from './contenders.ts'
import { ratioTo, type Figures, type Summary } from './figures.ts'

const names: readonly ContenderName[] = ['ours', 'plain', 'go']
const header = ['', 'worker µs', 'PostgreSQL µs', 'sinks µs', 'per second', 'p50 ms', 'p99 ms', 'MiB']

/** The figures of a workload for a terminal, with its ratios. */
export function renderSummary(summary: Summary): string {
  const lines = [header, ...rowsOf(summary)]
  const widths = header.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)))
  const table = lines.map((line) =>
    line.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0))).join('  '),
  )
  return [headline(summary), ...table.map((line) => `  ${line.trimEnd()}`), ...remarksOf(summary).map((line) => `  ${line}`), ''].join('\n')
}

/** The same for a document. */
export function renderMarkdown(summary: Summary): string {
  const lines = [header, header.map((_, column) => (column === 0 ? '---' : '---:')), ...rowsOf(summary)]
  return [`${headline(summary)}.`, '', ...lines.map((line) => `| ${line.join(' | ')} |`), '', ...remarksOf(summary)].join('\n')
}

function headline({ workload: { name, about, unit, fsync, play } }: Summary): string {
  const server = play === 'ready' || play === 'idle' ? '' : fsync ? ', fsync on' : ', fsync off'
  return `${name}: ${about}; per ${unit}${server}`
}

function rowsOf({ contenders }: Summary): readonly (readonly string[])[] {
  return names.flatMap((name) => {
    const figures = contenders[name]
    return figures === undefined ? [] : [[name, ...cellsOf(figures)]]
  })
}

function cellsOf(figures: Figures): readonly string[] {
  return [
    cell(figures.cpuUs, figures.cpuUs < 100 ? 1 : 0),
    cell(figures.databaseCpuUs, (figures.databaseCpuUs ?? 0) < 100 ? 1 : 0),
    cell(figures.sinkCpuUs, 0),
    cell(figures.perSecond, 0),
    cell(figures.p50Ms, 1),
    cell(figures.p99Ms, 1),
    cell(figures.rssMiB, 0),
  ]
}

function cell(value: number | null, digits: number): string {
  if (value === null || Number.isNaN(value)) return ''
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}

const compared = { cpu: 'CPU of worker and PostgreSQL', p50: 'median time', p99: 'p99' } as const

const both = (p50: number | null | undefined, p99: number | null | undefined) => `${cell(p50 ?? null, 1)} and ${cell(p99 ?? null, 1)} ms`

function remarksOf(summary: Summary): readonly string[] {
  return [...stagesOf(summary), ...besideOf(summary), ...ratiosOf(summary)]
}

/** The way of a mail, p50 and p99 of each step. */
function stagesOf({ contenders: { ours } }: Summary): readonly string[] {
  if (ours?.acceptedP50Ms === undefined) return []
  return [
    `ours, p50 and p99 from the acknowledgement: accepting ${both(ours.acceptedP50Ms, ours.acceptedP99Ms)}, start ${both(ours.startedP50Ms, ours.startedP99Ms)}, relay ${both(ours.p50Ms, ours.p99Ms)}`,
  ]
}

function timesSlower(beside: number | undefined, alone: number | null): string {
  return beside === undefined || alone === null || alone <= 0 ? '' : ` (${(beside / alone).toFixed(2)} times)`
}

/** Live mails with and without a replay. */
function besideOf({ contenders: { ours } }: Summary): readonly string[] {
  if (ours?.besideP50Ms === undefined) return []
  const { p50Ms, p99Ms, besideP50Ms, besideP99Ms, replayed } = ours
  return [
    `a live mail takes p50 and p99 ${both(p50Ms, p99Ms)} alone; beside a replay of ${cell(replayed ?? null, 0)} events ` +
      `${cell(besideP50Ms, 1)}${timesSlower(besideP50Ms, p50Ms)} and ${cell(besideP99Ms ?? null, 1)} ms${timesSlower(besideP99Ms, p99Ms)}`,
  ]
}

/** A steady rate is the same for all. */
function ratiosOf(summary: Summary): readonly string[] {
  const { workload, contenders } = summary
  return (['plain', 'go'] as const).flatMap((name) => {
    const ratio = ratioTo(name, summary)
    if (ratio === null) return []
    const [mine, theirs] = [contenders.ours?.perSecond ?? null, contenders[name]?.perSecond ?? null]
    const byRate = mine === null || theirs === null || workload.play === 'steady' ? '' : `, ${(mine / theirs).toFixed(2)} by rate`
    return [`ratio to ${name}: ${ratio.toFixed(2)} by ${compared[workload.compares]}${byRate}`]
  })
}

/** What the figures were taken on, one sentence each. */
export async function conditionsOf(run: {
  readonly args: readonly string[]
  readonly rounds: number
  readonly seconds: number
}): Promise<readonly string[]> {
  const go = await promisify(execFile)('go', ['version']).then(
    ({ stdout }) => `, ${/go[\d.]+/.exec(stdout)?.[0] ?? 'Go'}`,
    () => '',
  )
  const args = run.args.map((arg, index) => (run.args[index - 1] === '--peers' ? '<folder>' : arg)).join(' ')
  const memory = Math.round(totalmem() / 2 ** 30)
  return [
    `npm run bench${args === '' ? '' : ` -- ${args}`}: medians of ${run.rounds} rounds, ${run.seconds} s in all.`,
    `${availableParallelism()} cores (${cpus()[0]?.model.trim() ?? 'unknown'}), ${memory} GiB, Linux ${release().split('.').slice(0, 2).join('.')}; Node ${process.versions.node}, Kafka ${defaultKafkaVersion}${go}. Servers, sinks and worker share the machine.`,
    'CPU is user and system time of a process and its children, in microseconds per unit; for PostgreSQL of the whole server.',
  ]
}
