import { hostname } from 'node:os'
import kafkajs from 'kafkajs'
import type { GroupDescription } from 'kafkajs'
import type { Member } from '../../../admin/lag/lag-ports.ts'

const { MemberAssignment, MemberMetadata } = kafkajs.AssignerProtocol

/**
 * The metadata of a member with its machine and process in the field that Kafka keeps for the members themselves, so that an operator can
 * find the process that owns a partition. Assignors of other clients ignore it.
 */
export function withProcess(metadata: Buffer): Buffer {
  const known = MemberMetadata.decode(metadata)
  if (known === null) return metadata
  return MemberMetadata.encode({ ...known, userData: Buffer.from(JSON.stringify({ host: hostname(), pid: process.pid })) })
}

/** A member as an operator speaks of it. The metadata of other programs is left out. */
export function memberOf(member: GroupDescription['members'][number], topic: string): Member {
  const { memberId, clientId, clientHost, memberMetadata, memberAssignment } = member
  // Both are empty while the group rebalances.
  const assigned = memberAssignment.length === 0 ? null : MemberAssignment.decode(memberAssignment)
  const stated = memberMetadata.length === 0 ? null : (MemberMetadata.decode(memberMetadata)?.userData ?? null)
  return {
    memberId,
    clientId,
    address: clientHost.replace(/^\//, ''),
    ...processIn(stated),
    partitions: (assigned?.assignment[topic] ?? []).toSorted((a, b) => a - b),
  }
}

function processIn(stated: Buffer | null): Pick<Member, 'host' | 'pid'> {
  try {
    const { host, pid }: { host?: unknown; pid?: unknown } = JSON.parse(stated?.toString('utf8') ?? '{}')
    return { host: typeof host === 'string' ? host.slice(0, 255) : null, pid: Number.isSafeInteger(pid) ? Number(pid) : null }
  } catch {
    // The bytes are those of another program.
    return { host: null, pid: null }
  }
}
