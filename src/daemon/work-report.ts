import type { Group } from './compose/groups.ts'

/** One line of what is being done, for the log. */
export interface WorkLine {
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>>
}

/** What every worker is doing: a line per group, per batch under way and per running intent; ids, never an address. */
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
      { message: 'group at work', fields: summary },
      ...batches.map(({ partition, records, since, waitsFor }) => ({
        message: partition < 0 ? 'start positions looked for' : 'batch under way',
        fields: { group, ...(partition < 0 ? {} : { partition, records }), since: iso(since), waitsFor },
      })),
      ...intents.map(({ since, stageSince, ...intent }) => ({
        message: 'intent under way',
        fields: { group, ...intent, since: iso(since), stageSince: iso(stageSince) },
      })),
    ]
  })
}

function iso(milliseconds: number): string {
  return new Date(milliseconds).toISOString()
}
