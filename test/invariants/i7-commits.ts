import type { EntryOf } from './history.ts'
import type { TimelineEntry, GroupTimeline } from './group-timeline.ts'
import type { Findings } from './check-report.ts'
import { formatTime } from './check-report.ts'
import { wasSetBack, type ParsedHistory } from './parsed-history.ts'

/** The metadata of a daemon's commit; commits without it come from other tools and are counted, not checked. */
const OWN_METADATA = 'progress-row'

/** Every commit, in order: never above what was accepted by then, never backwards, and made by the owner of the partition. */
export function checkCommits(history: ParsedHistory, timelines: readonly GroupTimeline[], findings: Findings): void {
  for (const timeline of timelines) {
    const accepted = new Map([...timeline.partitions].map(([partition, entries]) => [partition, latestBelow(history, entries)]))
    const highest = new Map<number, EntryOf<'commit'>>()
    const owners = ownersOf(history, timeline.group)
    for (const commit of history.commits
      .filter(({ group, topic }) => group === timeline.group && topic === history.run.topic)
      .sort(inLog)) {
      if (commit.metadata !== OWN_METADATA) {
        findings.count('foreignCommits')
        continue
      }
      findings.checked('I7')
      findings.count('commits')
      checkOffset(timeline, commit, accepted.get(commit.partition), findings)
      checkDirection(history, timeline, commit, highest, findings)
      checkOwner(timeline, commit, owners, findings)
    }
    checkSamples(history, timeline, findings)
  }
  findings.set('generations', new Set(history.generations.map(({ group, generation }) => `${group} ${generation}`)).size)
  const members = history.generations.flatMap(({ group, members }) => members.map(({ id }) => `${group} ${id}`))
  findings.set('joins', new Set(members).size)
}

const inLog = (one: { logOffset: number }, other: { logOffset: number }) => one.logOffset - other.logOffset

interface Below {
  readonly offsets: readonly number[]
  /** For each offset, the record at or below it that was accepted last. */
  readonly latest: readonly { readonly at: number; readonly offset: number }[]
}

/** Records that are accepted again after a restore were accepted before, at a time that is lost. */
function latestBelow(history: ParsedHistory, entries: readonly TimelineEntry[]): Below {
  const latest: { at: number; offset: number }[] = []
  let last = { at: -Infinity, offset: -1 }
  for (const { acceptedAt, recovered, resolvedBy, record } of entries) {
    const isUnknown = recovered || (wasSetBack(history) && resolvedBy === 'dead-letter')
    if (!isUnknown && acceptedAt > last.at) last = { at: acceptedAt, offset: record.offset }
    latest.push(last)
  }
  return { offsets: entries.map(({ record }) => record.offset), latest }
}

/** Times of two servers on one clock, each truncated to milliseconds. */
const ROUNDING_MS = 1

function checkOffset(timeline: GroupTimeline, commit: EntryOf<'commit'>, below: Below | undefined, findings: Findings): void {
  const count = below === undefined ? 0 : countBelow(below.offsets, commit.offset)
  const last = below?.latest[count - 1]
  if (last === undefined || last.at <= commit.at + ROUNDING_MS) return
  findings.violated(
    'I7',
    `${describe(timeline, commit)} is above offset ${last.offset}, which was accepted ${Number.isFinite(last.at) ? `at ${formatTime(last.at)}` : 'never'}.`,
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

/** A new owner starts at the row, which is never below the committed offset; only a restore of the database lowers it. */
function checkDirection(
  history: ParsedHistory,
  timeline: GroupTimeline,
  commit: EntryOf<'commit'>,
  highest: Map<number, EntryOf<'commit'>>,
  findings: Findings,
): void {
  const before = highest.get(commit.partition)
  if (before !== undefined && commit.offset < before.offset) {
    const isExempt = history.faults.some(({ setBackTo, begin, end }) => setBackTo !== null && commit.at >= begin && before.at <= end)
    if (isExempt) findings.count('commitsSetBackByRestore')
    else findings.violated('I7', `${describe(timeline, commit)} is below ${before.offset}, committed at ${formatTime(before.at)}.`)
  }
  highest.set(commit.partition, commit)
}

type Owners = ReadonlyMap<number, ReadonlyMap<number, string>>

/** The owners of partitions by generation. A group may rewrite its metadata within a generation; the last version counts. */
function ownersOf(history: ParsedHistory, group: string): Owners {
  const owners = new Map<number, ReadonlyMap<number, string>>()
  for (const { group: of, generation, members } of history.generations.toSorted(inLog)) {
    if (of !== group || members.length === 0) continue
    owners.set(generation, new Map(members.flatMap(({ id, partitions }) => partitions.map((partition) => [partition, id] as const))))
  }
  return owners
}

function checkOwner(timeline: GroupTimeline, commit: EntryOf<'commit'>, owners: Owners, findings: Findings): void {
  const owned = owners.get(commit.generation)
  if (owned === undefined)
    return findings.violated('I7', `${describe(timeline, commit)} was made in generation ${commit.generation}, which has no members.`)
  const owner = owned.get(commit.partition)
  if (owner === undefined)
    findings.violated(
      'I7',
      `${describe(timeline, commit)} was made in generation ${commit.generation}, in which this partition has no owner.`,
    )
  else if (commit.member !== undefined && commit.member !== owner)
    findings.violated('I7', `${describe(timeline, commit)} was made by ${commit.member}, while ${owner} owned this partition.`)
}

/** Kafka's offset is never above the row; at rest both are at the end of the log. */
function checkSamples(history: ParsedHistory, timeline: GroupTimeline, findings: Findings): void {
  const ends = endsOf(history)
  // While the database catches up after a restore, Kafka keeps the higher offset.
  const caughtUp = new Map<string, number>()
  for (const sample of history.offsetSamples) {
    if (sample.group !== timeline.group) continue
    const restore = history.faults.findLast(({ setBackTo, begin }) => setBackTo !== null && sample.at >= begin)
    for (const partition of new Set([...Object.keys(sample.committed), ...Object.keys(sample.stored)])) {
      const committed = Math.max(0, sample.committed[partition] ?? 0)
      const row = sample.stored[partition] ?? 0
      findings.checked('I7')
      const isCatchingUp = sample.when === 'running' && restore !== undefined && caughtUp.get(partition) !== restore.end
      if (isCatchingUp && committed <= row && sample.at > restore.end) caughtUp.set(partition, restore.end)
      if (isCatchingUp && committed > row) findings.count('offsetsAfterRestore')
      else if (committed > row && sample.when === 'running' && isForeignCommit(history, sample, Number(partition), committed))
        findings.count('offsetsMovedByTools')
      else if (committed > row)
        findings.violated(
          'I7',
          `${timeline.group}/${partition} is committed at ${committed} at ${formatTime(sample.at)}, and its row is at ${row}.`,
        )
      if (sample.when !== 'running')
        checkAtRest(
          history,
          timeline,
          { sample, partition, committed, row, end: sample.ends?.[partition] ?? ends.get(partition) },
          findings,
        )
    }
  }
}

/** Whether another tool committed this offset; at rest our own commit has to follow it. */
function isForeignCommit(history: ParsedHistory, { group, at }: EntryOf<'offsets'>, partition: number, committed: number): boolean {
  return history.commits.some(
    (commit) =>
      commit.metadata !== OWN_METADATA &&
      commit.group === group &&
      commit.topic === history.run.topic &&
      commit.partition === partition &&
      commit.offset === committed &&
      commit.at <= at + ROUNDING_MS,
  )
}

interface Rest {
  readonly sample: EntryOf<'offsets'>
  readonly partition: string
  readonly committed: number
  readonly row: number
  readonly end: number | undefined
}

function checkAtRest(
  history: ParsedHistory,
  timeline: GroupTimeline,
  { sample, partition, committed, row, end }: Rest,
  findings: Findings,
): void {
  const at = `${timeline.group}/${partition}`
  if (sample.when === 'clean-stop' && committed !== row)
    findings.violated('I7', `${at} is committed at ${committed} after a clean stop, and its row is at ${row}.`)
  if (!history.run.drains || end === undefined || row === end) return
  findings.violated('I7', `${at} is at ${row} ${sample.when === 'drained' ? 'at rest' : 'after a clean stop'}, and its log ends at ${end}.`)
}

function endsOf(history: ParsedHistory): ReadonlyMap<string, number> {
  const ends = new Map<string, number>()
  for (const { partition, offset } of history.records) ends.set(String(partition), Math.max(ends.get(String(partition)) ?? 0, offset + 1))
  return ends
}

function describe({ definition: { name } }: GroupTimeline, { partition, offset, at }: EntryOf<'commit'>): string {
  return `The commit of ${offset} for ${name}/${partition} at ${formatTime(at)}`
}
