import type { LogAdmin } from '../../../src/ingest/log-admin.ts'

interface Committing {
  readonly admin: Pick<LogAdmin, 'ranges' | 'committed'>
  readonly topic: string
  readonly groups: readonly string[]
}

/** The partitions whose committed offset is behind, or true. */
export async function uncommitted({ admin, topic, groups }: Committing): Promise<true | string> {
  const ranges = await admin.ranges(topic)
  for (const group of groups) {
    const committed = await admin.committed(group, topic)
    for (const [partition, { low, high }] of ranges) {
      const reported = committed.get(partition) ?? low
      if (reported !== high) return `${group}/${partition}: ${reported} of ${high}`
    }
  }
  return true
}
