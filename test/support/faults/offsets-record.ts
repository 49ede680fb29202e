import { WireReader } from './wire-reader.ts'

/** What a record of `__consumer_offsets` says, as far as the tests need it. */
export type OffsetsRecord =
  | {
      readonly is: 'commit'
      readonly group: string
      readonly topic: string
      readonly partition: number
      readonly offset: number
      readonly metadata: string
    }
  | {
      readonly is: 'generation'
      readonly group: string
      readonly generation: number
      readonly members: readonly { readonly id: string; readonly assignment: Assignment }[]
    }

/** By topic. */
export type Assignment = Readonly<Record<string, readonly number[]>>

/**
 * Decodes a record as the group coordinator writes it (OffsetCommitKey and -Value, GroupMetadataKey and -Value, versions 0 to 4).
 *
 * @returns null for a tombstone, and for what belongs to other kinds of groups
 */
export function decodeOffsetsRecord(key: Buffer | null, value: Buffer | null): OffsetsRecord | null {
  if (key === null || value === null) return null
  const where = new WireReader(key)
  const kind = where.int16()
  if (kind > 2) return null
  const group = where.string() ?? ''
  if (kind === 2) return { is: 'generation', group, ...decodeGroup(new WireReader(value)) }
  return { is: 'commit', group, topic: where.string() ?? '', partition: where.int32(), ...decodeCommit(new WireReader(value)) }
}

function decodeCommit(reader: WireReader): { offset: number; metadata: string } {
  const version = known(reader.int16())
  const offset = reader.int64()
  if (version >= 3) reader.int32() // leader epoch
  return { offset, metadata: reader.string(version >= 4) ?? '' }
}

function decodeGroup(reader: WireReader) {
  const version = known(reader.int16())
  const flexible = version >= 4
  reader.string(flexible) // protocol type
  const generation = reader.int32()
  reader.string(flexible) // protocol
  reader.string(flexible) // leader
  if (version >= 2) reader.int64() // since when it is in this state
  return { generation, members: reader.array(() => decodeMember(reader, version), flexible) }
}

function decodeMember(reader: WireReader, version: number) {
  const flexible = version >= 4
  const id = reader.string(flexible) ?? ''
  if (version >= 3) reader.string(flexible) // group instance id
  reader.string(flexible) // client id
  reader.string(flexible) // client host
  if (version >= 1) reader.int32() // rebalance timeout
  reader.int32() // session timeout
  reader.bytes(flexible) // subscription
  const assignment = reader.bytes(flexible)
  reader.tags(flexible)
  return { id, assignment: decodeAssignment(assignment) }
}

/** ConsumerProtocolAssignment, whose first fields are the same in every version. Empty while the leader has not yet assigned. */
function decodeAssignment(bytes: Buffer | null): Assignment {
  if (bytes === null || bytes.length === 0) return {}
  const reader = new WireReader(bytes)
  reader.int16()
  return Object.fromEntries(reader.array(() => [reader.string() ?? '', reader.array(() => reader.int32())]))
}

function known(version: number): number {
  if (version > 4) throw new Error(`Kafka writes version ${version} of a record of __consumer_offsets, which nobody here can read.`)
  return version
}
