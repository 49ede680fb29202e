import { median } from '../measure/quantile.ts'
import type { ContenderName } from './contenders.ts'
import type { Workload } from './workloads.ts'

/** Of one run of one contender; null is what a workload does not have. */
export interface Figures {
  /** User and system time of the worker, per unit of the workload; microseconds. */
  readonly cpuUs: number
  /** The same of the PostgreSQL server. */
  readonly databaseCpuUs: number | null
  /** The same of the sinks, which no ratio counts. */
  readonly sinkCpuUs: number | null
  readonly perSecond: number | null
  /**
   * From the acknowledgement of an event, as the program that published it handled it, to the arrival of its mail or call. Below zero where
   * that program was slower to handle the one than the worker to cause the other.
   */
  readonly p50Ms: number | null
  /** As {@link p50Ms}. */
  readonly p99Ms: number | null
  /** From the acknowledgement to the transaction that accepted an event, and to the statement that started its mail; ours at a steady rate. */
  readonly acceptedP50Ms?: number
  readonly acceptedP99Ms?: number
  readonly startedP50Ms?: number
  readonly startedP99Ms?: number
  /** Of live mails beside a replay of so many events; {@link p50Ms} and {@link p99Ms} are those of live mails alone. */
  readonly besideP50Ms?: number
  readonly besideP99Ms?: number
  readonly replayed?: number
  /** Resident memory of the worker: the peak, or what an idle one holds. */
  readonly rssMiB: number | null
}

const stageFigures = ['acceptedP50Ms', 'acceptedP99Ms', 'startedP50Ms', 'startedP99Ms', 'besideP50Ms', 'besideP99Ms', 'replayed'] as const

/** Medians over the rounds of a workload; no entry for a contender that was not measured. */
export interface Summary {
  readonly workload: Workload
  readonly contenders: Partial<Record<ContenderName, Figures>>
}

/** Each figure's median by itself. */
export function medians(rounds: readonly Figures[]): Figures {
  const of = (name: keyof Figures): number | null => {
    const known = rounds.map((round) => round[name] ?? null).filter((value) => value !== null)
    return known.length === 0 ? null : median(known)
  }
  const stages = stageFigures.flatMap((name) => {
    const value = of(name)
    return value === null ? [] : [[name, value] as const]
  })
  return {
    ...Object.fromEntries(stages),
    cpuUs: of('cpuUs') ?? Number.NaN,
    databaseCpuUs: of('databaseCpuUs'),
    sinkCpuUs: of('sinkCpuUs'),
    perSecond: of('perSecond'),
    p50Ms: of('p50Ms'),
    p99Ms: of('p99Ms'),
    rssMiB: of('rssMiB'),
  }
}

/**
 * How many times better ours is than another contender, by what the workload is about: CPU of worker and database together, or a time. Above 1
 * ours is better; null when one of the two was not measured.
 */
export function ratioTo(other: ContenderName, { workload, contenders }: Summary): number | null {
  const [mine, theirs] = [contenders.ours, contenders[other]].map((figures) => (figures === undefined ? null : costOf(figures, workload)))
  // A clock of 10 ms says zero of what took less.
  return mine && theirs ? theirs / mine : null
}

function costOf(figures: Figures, { compares }: Workload): number | null {
  switch (compares) {
    case 'cpu':
      return figures.cpuUs + (figures.databaseCpuUs ?? 0)
    case 'p99':
      return figures.p99Ms
    case 'p50':
      return figures.p50Ms
  }
}

/** One workload in the form of `--json`; see docs/internals/performance.md. */
export interface WorkloadLine {
  readonly name: string
  readonly unit: string
  readonly oursCpuUs: number | null
  readonly oursDbCpuUs: number | null
  readonly plainCpuUs: number | null
  readonly ratioToPlain: number | null
  readonly goCpuUs: number | null
  readonly ratioToGo: number | null
  readonly oursPerSecond: number | null
  readonly goPerSecond: number | null
  readonly p50Ms: number | null
  readonly p99Ms: number | null
  readonly rssMiB: number | null
  /** Of the workload with a replay alone. */
  readonly besideP50Ms?: number | null
  readonly besideP99Ms?: number | null
}

export function lineOf(summary: Summary): WorkloadLine {
  const { ours, plain, go } = summary.contenders
  return {
    name: summary.workload.name,
    unit: summary.workload.unit,
    oursCpuUs: rounded(ours?.cpuUs, 1),
    oursDbCpuUs: rounded(ours?.databaseCpuUs, 1),
    plainCpuUs: rounded(plain?.cpuUs, 1),
    ratioToPlain: rounded(ratioTo('plain', summary), 3),
    goCpuUs: rounded(go?.cpuUs, 1),
    ratioToGo: rounded(ratioTo('go', summary), 3),
    oursPerSecond: rounded(ours?.perSecond, 1),
    goPerSecond: rounded(go?.perSecond, 1),
    p50Ms: rounded(ours?.p50Ms, 2),
    p99Ms: rounded(ours?.p99Ms, 2),
    rssMiB: rounded(ours?.rssMiB, 1),
    ...(ours?.besideP50Ms === undefined ? {} : { besideP50Ms: rounded(ours.besideP50Ms, 2), besideP99Ms: rounded(ours.besideP99Ms, 2) }),
  }
}

function rounded(value: number | null | undefined, digits: number): number | null {
  return value === null || value === undefined || !Number.isFinite(value) ? null : Number(value.toFixed(digits))
}
