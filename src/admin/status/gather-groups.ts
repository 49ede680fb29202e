import type { ProgressRow } from '../../ingest/accept-store.ts'
import { leaderEpochs } from '../../ingest/log-faults.ts'
import type { Clock } from '../../std/clock.ts'
import type { ChannelWords } from '../lag/lag-ports.ts'
import type { LagSources } from '../lag/observe-lag.ts'
import { createLagMeasurer } from '../lag/measure-lag.ts'
import { reportOffsets, type PartitionOffsets } from '../offsets/offset-report.ts'
import type { OperatorGroup } from '../operator-group.ts'
import type { FactReads } from './read-facts.ts'
import { awayFact, dueFact, idleFact, pausesFact, progressFact, sessionsFact, slowFact } from './facts-of-tables.ts'
import type { GroupFacts } from './status-facts.ts'
import type { StatusDatabase, StatusKafka } from './status-ports.ts'

/** How long rates are measured; milliseconds. */
const MEASURE_MS = 2_000

/** What status is about. */
export interface StatusScope {
  /** Every registered group. */
  readonly groups: readonly OperatorGroup[]
  /** The names in `KAFKA_GROUPS`. */
  readonly named: readonly string[]
  readonly channels: readonly ChannelWords[]
  readonly clock: Clock
}

/** The groups that this environment enables, names or has run, each measured for two seconds. Rejects when a server does not answer; what is not read meanwhile is unknown. */
export async function gatherGroups(
  { groups, named, channels, clock }: StatusScope,
  kafka: StatusKafka,
  database: StatusDatabase,
  reads: FactReads,
): Promise<readonly GroupFacts[]> {
  const rows = new Map<string, readonly ProgressRow[] | null>()
  for (const { id, topic } of groups) rows.set(id, await reads.readOr(progressFact, null, () => database.progress.readProgress(id, topic)))
  const rowsOf = ({ id }: OperatorGroup) => rows.get(id) ?? null
  const isExpected = (group: OperatorGroup) => named.includes(group.name) || (rowsOf(group)?.length ?? 0) > 0
  const shown = groups.filter((group) => group.enabled || isExpected(group))
  const present = await kafka.topics([...new Set(shown.map(({ topic }) => topic))])
  const there = shown.filter(({ topic }) => present.has(topic))
  const measurer = createLagMeasurer({ groups: there, admin: kafka, sources: { kafka, ...sourcesOf(database, reads) }, channels, clock })
  await measurer.measure()
  await clock.sleep(MEASURE_MS)
  const reports = new Map((await measurer.measure()).map((report) => [report.group, report]))
  const found: GroupFacts[] = []
  for (const group of shown) {
    const isMissing = !present.has(group.topic)
    const known = rowsOf(group)
    found.push({
      name: group.name,
      group: group.id,
      topic: group.topic,
      report: reports.get(group.id) ?? null,
      offsets: isMissing || known === null ? [] : await offsetsOf(group, known, kafka),
      isMissing,
      isExpected: isExpected(group),
    })
  }
  return found
}

/** What lag is measured with, each a fact by itself. */
function sourcesOf({ inside, pauses }: StatusDatabase, reads: FactReads): Pick<LagSources, 'inside' | 'pauses'> {
  return {
    inside: {
      inside: async (group, topic, limits) => ({
        due: await reads.readOr(dueFact, null, () => inside.due(group, limits)),
        away: await reads.readOr(awayFact, [], () => inside.away(group)),
        slow: await reads.readOr(slowFact, [], () => inside.slow(group)),
        idleMs: await reads.readOr(idleFact, new Map<number, number>(), () => inside.idleMs(group, topic)),
      }),
      blocked: () => reads.readOr(sessionsFact, [], () => inside.blocked()),
    },
    pauses: { active: () => reads.readOr(pausesFact, [], () => pauses.active()) },
  }
}

async function offsetsOf(
  { id, topic }: OperatorGroup,
  rows: readonly ProgressRow[],
  kafka: StatusKafka,
): Promise<readonly PartitionOffsets[]> {
  const { members } = await kafka.groupState(id)
  const committed = await kafka.committed(id, topic)
  const [ranges, topicId, epochEnds] = [
    await kafka.ranges(topic),
    await kafka.topicId(topic),
    await kafka.epochEnds(topic, leaderEpochs(rows)),
  ]
  return reportOffsets({ rows, committed, ranges, topicId, epochEnds, members })
}
