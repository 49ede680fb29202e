import { asError } from '../client/client-error.ts'
import type { MemberHost } from './member-host.ts'
import type { OwnedAssignment } from './owned-assignment.ts'

/**
 * Asks the handlers where the partitions of an assignment begin, and sets them there. Resolves to false when it is over by then, or when they
 * refuse it, of which the host hears.
 */
export async function place(
  assignment: OwnedAssignment,
  host: MemberHost,
  { isOver, seek }: { readonly isOver: () => boolean; readonly seek: (partition: number, start: bigint) => void },
): Promise<boolean> {
  try {
    const starts = await host.handlers.assigned(assignment)
    if (isOver()) return false
    for (const partition of assignment.partitions) {
      const start = starts.get(partition)
      if (start !== undefined) seek(partition, start)
    }
    return true
  } catch (error) {
    if (!isOver()) host.refused(asError(error))
    return false
  }
}
