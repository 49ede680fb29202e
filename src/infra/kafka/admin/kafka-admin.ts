import kafkajs from 'kafkajs'
import type { Admin, PartitionMetadata, SeekEntry } from 'kafkajs'
import { backoff } from '../../../std/backoff.ts'
import { systemClock } from '../../../std/clock.ts'
import { messageOf, OperatorError } from '../../../std/failure.ts'
import type { CommittedOffset, LogAdmin } from '../../../ingest/log-admin.ts'
import { noAnswer, noConnection, groupRefused, type RefusedRequest } from '../client/broker-refusal.ts'
import { asError, isBrokerError } from '../client/client-error.ts'
import '../patches/for-readers.ts'
import { createKafkaClient } from '../client/kafka-client.ts'
import type { GroupReader } from '../../../admin/lag/lag-ports.ts'
import type { OperationsReader } from '../../../admin/doctor/acl-check.ts'
import type { ClusterReader } from '../../../admin/doctor/broker-facts.ts'
import type { TopicAdmin, TopicState } from '../../../admin/topics/topic-admin.ts'
import { COMMIT_MARK } from '../client/marked-offsets.ts'
import type { KafkaClient, KafkaSettings } from '../client/kafka-client.ts'
import { createClusterOf, type Cluster } from '../patches/private-cluster.ts'
import { memberOf } from './group-members.ts'
import { readAllowedOperations } from './authorized-operations.ts'
import { LogIdentity } from './log-identity.ts'
import { readHeads } from './record-heads.ts'
import { alterTopicSettings } from './topic-settings.ts'
import { resetOffsets } from './offset-reset.ts'
import { withinDeadline } from '../../../std/within-deadline.ts'

/**
 * Kafka's administration over one long-lived kafkajs admin client, which refreshes its metadata with every request. A failed request is
 * retried with a new client: after an outage in which it lost every broker, the old client may never recover.
 */
export function createKafkaAdmin(settings: KafkaSettings): LogAdmin & TopicAdmin & GroupReader & OperationsReader & ClusterReader {
  let connection: Promise<Connection> | undefined
  /** Topics that existed at the last request for them. */
  const existing = new Set<string>()

  /** Connects unless connected; a failed attempt is not cached. */
  function connected(signal?: AbortSignal): Promise<Connection> {
    const opening = (connection ??= connect(settings, signal))
    opening.catch(() => {
      if (connection === opening) connection = undefined
    })
    return opening
  }

  async function renew(old: Connection): Promise<Connection> {
    if ((await connection) === old) {
      connection = undefined
      void close(old)
    }
    return connected()
  }

  async function request<Answer>(
    send: (admin: Admin, identity: LogIdentity, cluster: Cluster) => Promise<Answer>,
    about: RefusedRequest = {},
  ): Promise<Answer> {
    for (let attempt = 1, open = await connected(); ; attempt += 1) {
      try {
        return await send(open.admin, open.identity, open.cluster)
      } catch (error) {
        const refused = groupRefused(error, settings, about)
        if (refused !== null) throw refused
        if (error instanceof OperatorError || attempt === ATTEMPTS) throw noAnswer(error, settings)
      }
      // A new partition has no leader for a moment.
      await systemClock.sleep(backoff(attempt, { baseMs: 100, maxMs: 1_000 }))
      open = await renew(open)
    }
  }

  /**
   * kafkajs would retry a missing topic for a long time, or fail with a null dereference; so topics are listed first. The list holds all topics
   * of the cluster, and a daemon sends requests every few seconds: a topic is looked up again only once a request for it has failed.
   */
  function requestTopic<Answer>(
    topic: string,
    send: (admin: Admin, identity: LogIdentity, cluster: Cluster) => Promise<Answer>,
    about: RefusedRequest = {},
  ): Promise<Answer> {
    return request(
      async (admin, identity, cluster) => {
        if (!existing.has(topic) && !(await admin.listTopics()).includes(topic))
          throw new OperatorError(`topic "${topic}" does not exist on ${settings.brokers.join(', ')}`)
        existing.add(topic)
        try {
          return await send(admin, identity, cluster)
        } catch (error) {
          existing.delete(topic)
          throw error
        }
      },
      { right: 'Describe', topic, ...about },
    )
  }

  function partitionsOf(names: readonly string[]): Promise<Map<string, readonly PartitionMetadata[]>> {
    return request(async (admin) => {
      // As in requestTopic.
      const all = new Set(await admin.listTopics())
      const known = names.filter((name) => all.has(name))
      if (known.length === 0) return new Map()
      const { topics } = await admin.fetchTopicMetadata({ topics: known })
      const inOrder = topics.toSorted((a, b) => known.indexOf(a.name) - known.indexOf(b.name))
      return new Map(inOrder.map(({ name, partitions }) => [name, partitions]))
    })
  }

  async function partitionCounts(names: readonly string[]): Promise<Map<string, number>> {
    return new Map([...(await partitionsOf(names))].map(([name, partitions]) => [name, partitions.length]))
  }

  async function topicConfig(name: string): Promise<Map<string, string>> {
    const { resources } = await request(
      (admin) => admin.describeConfigs({ includeSynonyms: false, resources: [{ type: kafkajs.ConfigResourceTypes.TOPIC, name }] }),
      { topic: name, right: 'DescribeConfigs' },
    )
    return new Map(resources.flatMap(({ configEntries }) => configEntries.map(({ configName, configValue }) => [configName, configValue])))
  }

  async function describe(group: string) {
    const { groups } = await request((admin) => admin.describeGroups([group]), { group })
    return groups.find(({ groupId }) => groupId === group)
  }

  async function groupState(group: string) {
    const found = await describe(group)
    return { state: found?.state ?? 'Dead', members: found?.members.length ?? 0 }
  }

  async function commits(group: string, topic: string): Promise<Map<number, CommittedOffset>> {
    const fetchOffsets = async (admin: Admin) => {
      // Never with resolveOffsets, which writes.
      const topics = await admin.fetchOffsets({ groupId: group, topics: [topic] })
      return topics.find((found) => found.topic === topic)?.partitions ?? []
    }
    const entries = await requestTopic(topic, fetchOffsets, { group })
    const found = entries.map(
      ({ partition, offset, metadata }) => [partition, { offset: BigInt(offset), isOwnCommit: metadata === COMMIT_MARK }] as const,
    )
    return new Map(found.filter(([, { offset }]) => offset >= 0n))
  }

  async function committed(group: string, topic: string): Promise<Map<number, bigint>> {
    return new Map([...(await commits(group, topic))].map(([partition, { offset }]) => [partition, offset]))
  }

  return {
    connect: async (signal) => {
      await connected(signal)
    },
    topics: partitionCounts,
    topicNames: () => request((admin) => admin.listTopics()),
    createTopic: (topic) => request((admin) => create(admin, topic), { topic: topic.name, right: 'Create' }),
    growTopic: async (name, partitions) => {
      const count = (await partitionCounts([name])).get(name)
      if (count === undefined) throw new OperatorError(`topic "${name}" does not exist on ${settings.brokers.join(', ')}`)
      if (count >= partitions) return
      await request(
        async (admin) => {
          try {
            await admin.createPartitions({ topicPartitions: [{ topic: name, count: partitions }] })
          } catch (error) {
            // Another process was faster, or our own first attempt.
            if (!isBrokerError(error, 'INVALID_PARTITIONS')) throw error
          }
        },
        { topic: name, right: 'Alter' },
      )
    },
    topicConfig,
    topicStates: async (names) => {
      const states = new Map<string, TopicState>()
      for (const [name, partitions] of await partitionsOf(names)) {
        states.set(name, {
          partitions: partitions.map(({ partitionId, replicas, isr }) => ({
            partition: partitionId,
            replicas: replicas.length,
            inSync: isr.length,
          })),
          config: await topicConfig(name),
        })
      }
      return states
    },
    alterTopic: (name, changes) =>
      request((_, __, cluster) => alterTopicSettings(cluster, name, changes), { topic: name, right: 'AlterConfigs' }),
    topicCreatingBrokers: async () => {
      const resources = await request(
        async (admin) => {
          const { brokers } = await admin.describeCluster()
          const each = brokers.map(({ nodeId }) => ({
            type: kafkajs.ConfigResourceTypes.BROKER,
            name: String(nodeId),
            configNames: [AUTO_CREATE],
          }))
          return (await admin.describeConfigs({ includeSynonyms: false, resources: each })).resources
        },
        { right: 'DescribeConfigs' },
      )
      return resources
        .filter(({ configEntries }) =>
          configEntries.some(({ configName, configValue }) => configName === AUTO_CREATE && configValue === 'true'),
        )
        .map(({ resourceName }) => Number(resourceName))
        .toSorted((a, b) => a - b)
    },
    ranges: async (topic) => {
      const entries = await requestTopic(topic, (admin) => admin.fetchTopicOffsets(topic))
      return new Map(entries.map(({ partition, low, high }) => [partition, { low: BigInt(low), high: BigInt(high) }]))
    },
    topicId: (topic) => requestTopic(topic, (_, identity) => identity.topicId(topic)),
    epochEnds: (topic, epochs) => requestTopic(topic, (_, identity) => identity.epochEnds(topic, epochs)),
    offsetsAt: async (topic, time) =>
      new Map(offsets(await requestTopic(topic, (admin) => admin.fetchTopicOffsetsByTimestamp(topic, time.getTime())))),
    allowedOperations: (names) => request((_, __, cluster) => readAllowedOperations(cluster, names)),
    advertisedBrokers: async () => {
      const { brokers } = await request((admin) => admin.describeCluster(), { right: 'Describe' })
      return brokers.map(({ host, port }) => `${host}:${port}`)
    },
    committed,
    committedWithOwner: commits,
    groupState,
    members: async (group, topic) => ((await describe(group))?.members ?? []).map((member) => memberOf(member, topic)),
    heads: (topic, offsets) => requestTopic(topic, (_, __, cluster) => readHeads(cluster, topic, offsets), { right: 'Read' }),
    setCommitted: async (group, topic, wanted) => {
      if (wanted.size === 0) return
      const { members } = await groupState(group)
      if (members > 0)
        throw new OperatorError(`group "${group}" has ${members} running member(s): stop its workers before its offsets are moved`)
      const { client } = await connected()
      await resetOffsets(client.kafka, group, topic, wanted)
      const now = await committed(group, topic)
      const wrong = [...wanted].find(([partition, offset]) => now.get(partition) !== offset)
      if (wrong) throw new Error(`the offset of partition ${wrong[0]} of "${topic}" was not set for group "${group}"`)
    },
    disconnect: async () => {
      const open = connection
      connection = undefined
      if (open) await close(await open)
    },
  }
}

async function create(
  admin: Admin,
  { name, partitions, replicationFactor, config }: Parameters<LogAdmin['createTopic']>[0],
): Promise<boolean> {
  const topic = {
    topic: name,
    numPartitions: partitions,
    ...(replicationFactor === undefined ? {} : { replicationFactor }),
    configEntries: Object.entries(config ?? {}).map(([entry, value]) => ({ name: entry, value })),
  }
  try {
    return await admin.createTopics({ topics: [topic] })
  } catch (error) {
    // kafkajs collects the reasons of all topics behind a generic message.
    if (!(error instanceof kafkajs.KafkaJSAggregateError)) throw error
    const refused = error.errors.find((reason) => isBrokerError(reason, 'TOPIC_AUTHORIZATION_FAILED'))
    if (refused !== undefined) throw asError(refused)
    if (error.errors.some((reason) => isBrokerError(reason, 'INVALID_REPLICATION_FACTOR'))) {
      const { brokers } = await admin.describeCluster()
      throw new OperatorError(
        `topic "${name}" cannot have ${replicationFactor} copies of each partition: the cluster has ${brokers.length} ` +
          `${brokers.length === 1 ? 'broker' : 'brokers'}; give --replication-factor ${brokers.length} or less`,
      )
    }
    throw new OperatorError(`topic "${name}" cannot be created: ${error.errors.map(messageOf).join('; ')}`)
  }
}

const ATTEMPTS = 4
/** https://kafka.apache.org/documentation/#brokerconfigs_auto.create.topics.enable */
const AUTO_CREATE = 'auto.create.topics.enable'

interface Connection {
  readonly admin: Admin
  /** Has its own connections, for requests that kafkajs does not support; they are closed with those of the client. */
  readonly cluster: Cluster
  readonly identity: LogIdentity
  readonly client: KafkaClient
}

async function connect(settings: KafkaSettings, signal?: AbortSignal): Promise<Connection> {
  const client = createKafkaClient(settings, { retries: 2 })
  const admin = client.kafka.admin()
  const abort = () => client.destroyConnections()
  signal?.addEventListener('abort', abort, { once: true })
  try {
    signal?.throwIfAborted()
    await admin.connect()
    const cluster = createClusterOf(client.kafka)
    return { admin, client, cluster, identity: new LogIdentity(cluster) }
  } catch (error) {
    client.destroyConnections()
    signal?.throwIfAborted()
    throw noConnection(error, settings)
  } finally {
    signal?.removeEventListener('abort', abort)
  }
}

async function close({ admin, client, cluster }: Connection): Promise<void> {
  // kafkajs closes its sockets if it can; the rest are destroyed.
  await withinDeadline(
    DISCONNECT_GRACE_MS,
    Promise.all([admin.disconnect(), cluster.disconnect()]).catch(() => undefined),
  )
  client.destroyConnections()
}

const DISCONNECT_GRACE_MS = 2_000

function offsets(entries: readonly SeekEntry[]): [number, bigint][] {
  return entries.map(({ partition, offset }) => [partition, BigInt(offset)])
}
