import type { Group } from './compose/groups.ts'

/** One log line of the work report. */
export interface WorkLine {
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>>
}

/** What every worker is doing: a line per group, per batch in flight and per running intent; ids, never an address. */
export function workReport(groups: readonly Group[]): readonly WorkLine[] {
  return groups.flatMap(({ id: group, worker, workers, source }): readonly WorkLine[] => {
    const batches = source.batchesInFlight()
    const intents = workers.running()
    const { state, reason, partitions } = worker.status()
    const summary = {
      group,
      state,
      reason,
      partitions,
      fetching: !source.isFetchingPaused(),
      batches: batches.length,
      intents: intents.length,
    }
    return [
      { message: 'group state', fields: summary },
      ...batches.map(({ partition, records, since, waitsFor }) => ({
        message: partition < 0 ? 'reading start offsets' : 'batch in flight',
        fields: { group, ...(partition < 0 ? {} : { partition, records }), since: iso(since), waitsFor },
      })),
      ...intents.map(({ since, stageSince, ...intent }) => ({
        message: 'intent in flight',
        fields: { group, ...intent, since: iso(since), stageSince: iso(stageSince) },
      })),
    ]
  })
}

function iso(milliseconds: number): string {
  return new Date(milliseconds).toISOString()
}
