import type { PartitionRange } from '../../ingest/log-admin.ts'

interface Point {
  readonly at: number
  readonly high: bigint
}

export interface WatermarkHistory {
  add(at: number, ranges: ReadonlyMap<number, PartitionRange>): void
  /** Estimates when the record at `offset` was written, by the clock of the added times; for older records the start of the history. */
  writtenAt(partition: number, offset: bigint): number
}

/** Per partition; when full, every second point of the older half is dropped, so that old times become coarser but are kept. */
const MOST_POINTS = 512

/** Records the end offset of each partition over time, to convert an offset into a time without reading records. */
export function createWatermarkHistory(): WatermarkHistory {
  const histories = new Map<number, Point[]>()
  return {
    add(at, ranges) {
      for (const [partition, { high }] of ranges) {
        const known = histories.get(partition)
        const end = known?.at(-1)
        // A lower end means that the topic was recreated: the history no longer applies.
        const points = known === undefined || (end !== undefined && high < end.high) ? [] : known
        // While the end does not move, its first and last point suffice; the last one is a lower bound for the time of the next record.
        if (points.length >= 2 && points.at(-1)?.high === high && points.at(-2)?.high === high) points.pop()
        points.push({ at, high })
        histories.set(partition, points.length > MOST_POINTS ? thin(points) : points)
      }
    },
    writtenAt(partition, offset) {
      const points = histories.get(partition) ?? []
      const after = points.findIndex(({ high }) => high > offset)
      const to = points[after]
      const from = points[after - 1]
      if (to === undefined) return points.at(-1)?.at ?? 0
      if (from === undefined) return to.at
      return from.at + ((to.at - from.at) * Number(offset - from.high)) / Number(to.high - from.high)
    },
  }
}

function thin(points: readonly Point[]): Point[] {
  const half = points.length / 2
  return points.filter((_, index) => index === 0 || index >= half || index % 2 === 0)
}
