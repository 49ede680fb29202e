import type { EntryOf } from './history.ts'
import type { Entry, Ledger } from './ledger.ts'
import type { Findings } from './verdict.ts'
import { when } from './verdict.ts'
import { wasSetBack, type WholeHistory } from './whole-history.ts'

/** Stands in the metadata of a commit that a daemon made; without it the commit is a tool's, and is counted, not judged. */
const OURS = 'progress-row'

/** Every commit of the log of commits, in order: never above what was accepted by then, never back, by whoever has the partition. */
export function judgeCommits(history: WholeHistory, ledgers: readonly Ledger[], findings: Findings): void {
  for (const ledger of ledgers) {
    const accepted = new Map([...ledger.partitions].map(([partition, entries]) => [partition, latestBelow(history, entries)]))
    const highest = new Map<number, EntryOf<'commit'>>()
    const owners = ownersOf(history, ledger.group)
    for (const commit of history.commits.filter(({ group, topic }) => group === ledger.group && topic === history.run.topic).sort(inLog)) {
      if (commit.metadata !== OURS) {
        findings.count('foreignCommits')
        continue
      }
      findings.checked('I7')
      findings.count('commits')
      judgeHeight(ledger, commit, accepted.get(commit.partition), findings)
      judgeDirection(history, ledger, commit, highest, findings)
      judgeOwner(ledger, commit, owners, findings)
    }
    judgeSamples(history, ledger, findings)
  }
  findings.set('generations', new Set(history.generations.map(({ group, generation }) => `${group} ${generation}`)).size)
  const members = history.generations.flatMap(({ group, members }) => members.map(({ id }) => `${group} ${id}`))
  findings.set('joins', new Set(members).size)
}

const inLog = (one: { logOffset: number }, other: { logOffset: number }) => one.logOffset - other.logOffset

interface Below {
  readonly offsets: readonly number[]
  /** Of each offset the record up to it that was accepted last. */
  readonly latest: readonly { readonly at: number; readonly offset: number }[]
}

/** What was accepted again after a restore had been accepted before, at a time that nobody knows any more. */
function latestBelow(history: WholeHistory, entries: readonly Entry[]): Below {
  const latest: { at: number; offset: number }[] = []
  let last = { at: -Infinity, offset: -1 }
  for (const { acceptedAt, recovered, by, record } of entries) {
    const isUnknown = recovered || (wasSetBack(history) && by === 'dead-letter')
    if (!isUnknown && acceptedAt > last.at) last = { at: acceptedAt, offset: record.offset }
    latest.push(last)
  }
  return { offsets: entries.map(({ record }) => record.offset), latest }
}

/** Times of two servers on one clock, each cut to whole milliseconds. */
const ROUNDING_MS = 1

function judgeHeight(ledger: Ledger, commit: EntryOf<'commit'>, below: Below | undefined, findings: Findings): void {
  const count = below === undefined ? 0 : countBelow(below.offsets, commit.offset)
  const last = below?.latest[count - 1]
  if (last === undefined || last.at <= commit.at + ROUNDING_MS) return
  findings.violated(
    'I7',
    `${told(ledger, commit)} is above offset ${last.offset}, which was accepted ${Number.isFinite(last.at) ? `at ${when(last.at)}` : 'never'}.`,
  )
}

/** How many of the ascending `offsets` are below `bound`. */
function countBelow(offsets: readonly number[], bound: number): number {
  let low = 0
  let high = offsets.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((offsets[middle] ?? Infinity) < bound) low = middle + 1
    else high = middle
  }
  return low
}

/** A new owner begins at the row, which is never below what was committed; only a database that went back may bring it down. */
function judgeDirection(
  history: WholeHistory,
  ledger: Ledger,
  commit: EntryOf<'commit'>,
  highest: Map<number, EntryOf<'commit'>>,
  findings: Findings,
): void {
  const before = highest.get(commit.partition)
  if (before !== undefined && commit.offset < before.offset) {
    const isExempt = history.faults.some(({ setBackTo, begin, end }) => setBackTo !== null && commit.at >= begin && before.at <= end)
    if (isExempt) findings.count('commitsSetBackByRestore')
    else findings.violated('I7', `${told(ledger, commit)} goes back behind ${before.offset}, committed at ${when(before.at)}.`)
  }
  highest.set(commit.partition, commit)
}

type Owners = ReadonlyMap<number, ReadonlyMap<number, string>>

/** Of each generation who has which partition. A group writes its metadata again without a new generation; the last word counts. */
function ownersOf(history: WholeHistory, group: string): Owners {
  const owners = new Map<number, ReadonlyMap<number, string>>()
  for (const { group: of, generation, members } of history.generations.toSorted(inLog)) {
    if (of !== group || members.length === 0) continue
    owners.set(generation, new Map(members.flatMap(({ id, partitions }) => partitions.map((partition) => [partition, id] as const))))
  }
  return owners
}

function judgeOwner(ledger: Ledger, commit: EntryOf<'commit'>, owners: Owners, findings: Findings): void {
  const owned = owners.get(commit.generation)
  if (owned === undefined)
    return findings.violated('I7', `${told(ledger, commit)} was made in generation ${commit.generation}, of which nobody is a member.`)
  const owner = owned.get(commit.partition)
  if (owner === undefined)
    findings.violated('I7', `${told(ledger, commit)} was made in generation ${commit.generation}, in which nobody has this partition.`)
  else if (commit.member !== undefined && commit.member !== owner)
    findings.violated('I7', `${told(ledger, commit)} was made by ${commit.member}, while ${owner} had this partition.`)
}

/** Kafka is told only what the row holds; at rest both stand at the end of the log. */
function judgeSamples(history: WholeHistory, ledger: Ledger, findings: Findings): void {
  const ends = endsOf(history)
  // While the database catches up after a restore, Kafka keeps the higher offset.
  const caughtUp = new Map<string, number>()
  for (const sample of history.positions) {
    if (sample.group !== ledger.group) continue
    const restore = history.faults.findLast(({ setBackTo, begin }) => setBackTo !== null && sample.at >= begin)
    for (const partition of new Set([...Object.keys(sample.committed), ...Object.keys(sample.rows)])) {
      const committed = Math.max(0, sample.committed[partition] ?? 0)
      const row = sample.rows[partition] ?? 0
      findings.checked('I7')
      const isCatchingUp = sample.when === 'running' && restore !== undefined && caughtUp.get(partition) !== restore.end
      if (isCatchingUp && committed <= row && sample.at > restore.end) caughtUp.set(partition, restore.end)
      if (isCatchingUp && committed > row) findings.count('positionsAfterRestore')
      else if (committed > row && sample.when === 'running' && isToolsDoing(history, sample, Number(partition), committed))
        findings.count('positionsMovedByTools')
      else if (committed > row)
        findings.violated(
          'I7',
          `${ledger.group}/${partition} is committed at ${committed} at ${when(sample.at)}, and its row stands at ${row}.`,
        )
      if (sample.when !== 'running')
        judgeRest(history, ledger, { sample, partition, committed, row, end: sample.ends?.[partition] ?? ends.get(partition) }, findings)
    }
  }
}

/** What Kafka holds is what a tool told it before; at rest our own commit has to stand over it. */
function isToolsDoing(history: WholeHistory, { group, at }: EntryOf<'positions'>, partition: number, committed: number): boolean {
  return history.commits.some(
    (commit) =>
      commit.metadata !== OURS &&
      commit.group === group &&
      commit.topic === history.run.topic &&
      commit.partition === partition &&
      commit.offset === committed &&
      commit.at <= at + ROUNDING_MS,
  )
}

interface Rest {
  readonly sample: EntryOf<'positions'>
  readonly partition: string
  readonly committed: number
  readonly row: number
  readonly end: number | undefined
}

function judgeRest(history: WholeHistory, ledger: Ledger, { sample, partition, committed, row, end }: Rest, findings: Findings): void {
  const at = `${ledger.group}/${partition}`
  if (sample.when === 'clean-stop' && committed !== row)
    findings.violated('I7', `${at} is committed at ${committed} after a clean stop, and its row stands at ${row}.`)
  if (!history.run.settles || end === undefined || row === end) return
  findings.violated(
    'I7',
    `${at} stands at ${row} ${sample.when === 'settled' ? 'at rest' : 'after a clean stop'}, and its log ends at ${end}.`,
  )
}

function endsOf(history: WholeHistory): ReadonlyMap<string, number> {
  const ends = new Map<string, number>()
  for (const { partition, offset } of history.records) ends.set(String(partition), Math.max(ends.get(String(partition)) ?? 0, offset + 1))
  return ends
}

function told({ of: { name } }: Ledger, { partition, offset, at }: EntryOf<'commit'>): string {
  return `The commit of ${offset} for ${name}/${partition} at ${when(at)}`
}
