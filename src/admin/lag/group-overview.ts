import { coversGroup, type Pause } from '../../model/pause.ts'
import type { PartitionOffsets } from '../offsets/offset-report.ts'
import type { Member } from './lag-ports.ts'
import type { GroupLagReport } from './lag-report.ts'
import type { LagVerdict } from './lag-verdict.ts'

/** A consumer group as an operator looks at it first. */
export interface GroupOverview {
  readonly group: string
  readonly topic: string
  /** As Kafka names it: `Stable`, `Empty`, `Dead` and others. */
  readonly state: string
  readonly members: readonly Member[]
  readonly partitions: number
  /** Null when Kafka did not answer. */
  readonly lag: bigint | null
  readonly secondsBehind: number | null
  readonly verdict: LagVerdict
  /** How progress rows and committed offsets compare, by partition; those where all is well are left out. */
  readonly differences: readonly Pick<PartitionOffsets, 'partition' | 'row' | 'committed' | 'state'>[]
  /** Of the group itself, or of a part of its work. */
  readonly pauses: readonly Pause[]
  /** That nobody has replayed or discarded. */
  readonly deadLetters: number
}

/** Puts together what was read of a group. Pauses of other groups are left out. */
export function overviewOf(seen: {
  readonly report: GroupLagReport
  readonly state: string
  readonly members: readonly Member[]
  readonly offsets: readonly PartitionOffsets[]
  readonly pauses: readonly Pause[]
  readonly letters: readonly { readonly group: string; readonly count: number }[]
}): GroupOverview {
  const { report, state, members, offsets } = seen
  const { group, topic, lag, secondsBehind, verdict } = report
  return {
    group,
    topic,
    state,
    members,
    partitions: offsets.filter(({ high }) => high !== null).length,
    lag,
    secondsBehind,
    verdict,
    differences: offsets
      .filter((one) => one.state !== 'ok')
      .map(({ partition, row, committed, state: word }) => ({ partition, row, committed, state: word })),
    pauses: seen.pauses.filter((pause) => coversGroup(pause, group)),
    deadLetters: seen.letters.filter((one) => one.group === group).reduce((sum, { count }) => sum + count, 0),
  }
}

/** How progress rows and committed offsets compare in a few words, such as `ok` or `commit-behind-row 3, no-row 1`: partitions by state. */
export function offsetWords({ differences }: Pick<GroupOverview, 'differences'>): string {
  const states = [...Map.groupBy(differences, ({ state }) => state)]
  return states.length === 0 ? 'ok' : states.map(([state, same]) => `${state} ${same.length}`).join(', ')
}
