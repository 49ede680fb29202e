import Decoder from 'kafkajs/src/protocol/decoder.js'
import Encoder from 'kafkajs/src/protocol/encoder.js'
import type { AllowedOperations } from '../../../admin/doctor/acl-check.ts'
import { isBrokerError } from '../client/client-error.ts'
import type { Cluster } from '../patches/private-cluster.ts'
import { metadataProtocol, METADATA, METADATA_VERSION } from './log-identity.ts'

type Operations = ReadonlySet<string> | null

/** The bits of KIP-430, by the names of Kafka's ACLs. */
const operationBits = { Read: 3, Write: 4, DescribeConfigs: 10 } as const
/** Requested of a broker that is too old, or not requested. */
const UNKNOWN = -2_147_483_648

/**
 * What our user may do on topics and groups, as the brokers say it of the connection (KIP-430): no right to read ACLs is needed. Brokers
 * without an authorizer allow everything. Null for a topic that does not exist, and of brokers older than 2.8.
 */
export async function readAllowedOperations(
  cluster: Cluster,
  { topics, groups }: { readonly topics: readonly string[]; readonly groups: readonly string[] },
): Promise<AllowedOperations> {
  await cluster.connect()
  return { topics: await ofTopics(cluster, topics), groups: new Map(await Promise.all(groups.map((group) => ofGroup(cluster, group)))) }
}

async function ofTopics(cluster: Cluster, topics: readonly string[]): Promise<ReadonlyMap<string, Operations>> {
  const broker = await cluster.brokerPool.findConnectedBroker()
  if ((broker.versions?.[METADATA]?.maxVersion ?? 0) < METADATA_VERSION) return new Map()
  const found = new Map<string, Operations>()
  for (const topic of topics) {
    const answer = await broker.connectionPool.send(metadataProtocol(topic, { operations: true }))
    found.set(topic, answer.error === TOPIC_AUTHORIZATION_FAILED ? new Set() : answer.error === 0 ? named(answer.operations) : null)
  }
  return found
}

async function ofGroup(cluster: Cluster, group: string): Promise<readonly [string, Operations]> {
  try {
    const coordinator = await cluster.findGroupCoordinator({ groupId: group })
    const { error, operations } = await coordinator.connectionPool.send(describeGroup(group))
    return [group, error === GROUP_AUTHORIZATION_FAILED ? new Set() : named(operations)]
  } catch (error) {
    if (isBrokerError(error, 'GROUP_AUTHORIZATION_FAILED')) return [group, new Set()]
    throw error
  }
}

function named(operations: number): Operations {
  if (operations === UNKNOWN) return null
  return new Set(Object.entries(operationBits).flatMap(([name, bit]) => ((operations >> bit) & 1 ? [name] : [])))
}

const TOPIC_AUTHORIZATION_FAILED = 29
const GROUP_AUTHORIZATION_FAILED = 30
/** https://kafka.apache.org/protocol#The_Messages_DescribeGroups; version 3 is the first with operations, and has no tagged fields. */
const DESCRIBE_GROUPS = 15
const DESCRIBE_GROUPS_VERSION = 3

interface GroupAnswer {
  readonly error: number
  readonly operations: number
}

function describeGroup(group: string) {
  return {
    request: {
      apiKey: DESCRIBE_GROUPS,
      apiVersion: DESCRIBE_GROUPS_VERSION,
      apiName: 'DescribeGroups',
      encode: async () => new Encoder().writeInt32(1).writeString(group).writeBoolean(true),
    },
    response: {
      decode: async (payload: Buffer) => readGroup(new Decoder(payload)),
      parse: async (answer: GroupAnswer) => answer,
    },
  }
}

function readGroup(decoder: Decoder): GroupAnswer {
  decoder.readInt32() // throttle time
  if (decoder.readInt32() !== 1) throw new Error('the broker answers about more or fewer groups than one')
  const error = decoder.readInt16()
  for (let texts = 0; texts < 4; texts++) decoder.readString() // id, state, type of protocol, protocol
  for (let members = decoder.readInt32(); members > 0; members--) {
    for (let texts = 0; texts < 3; texts++) decoder.readString() // member, client, host
    decoder.readBytes(decoder.readInt32()) // metadata
    decoder.readBytes(decoder.readInt32()) // assignment
  }
  return { error, operations: decoder.readInt32() }
}
