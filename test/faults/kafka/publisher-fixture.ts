import { randomUUID } from 'node:crypto'
import { createKafkaAdmin } from '../../../src/infra/kafka/admin/kafka-admin.ts'
import { connectPublisher, type ConnectOptions, type ConnectedPublisher } from '../../../src/publisher/connect-publisher.ts'
import { startProxiedKafka, type ProxiedKafka } from '../../support/faults/proxied-kafka.ts'
import { readTopic } from '../../support/faults/read-topic.ts'
import type { TcpProxy } from '../../support/faults/tcp-proxy.ts'
import { freshTopicName } from '../../support/fresh.ts'

/** A publisher of the package behind a proxy, and what is in the log. */
export interface PublisherFixture extends AsyncDisposable {
  readonly kafka: ProxiedKafka
  readonly proxy: TcpProxy
  readonly publisher: ConnectedPublisher
  readonly campaigns: readonly string[]
  /** The event that says of a campaign that it has reached `count`; of the first one when none is given. */
  publish(count: number, campaignId?: string): Promise<unknown>
  /** The counts of each campaign in the order of the log. */
  logged(): Promise<ReadonlyMap<string, readonly number[]>>
}

export async function createPublisherFixture(
  options: Omit<ConnectOptions, 'brokers' | 'clientId' | 'topic'> & { readonly partitions?: number },
): Promise<PublisherFixture> {
  const { partitions = 1, ...others } = options
  const kafka = await startProxiedKafka()
  const [proxy] = kafka.proxies
  if (proxy === undefined) throw new Error('there is no proxy')
  const topic = freshTopicName()
  const admin = createKafkaAdmin({ brokers: kafka.direct, clientId: 'harness' })
  await admin.createTopic({ name: topic, partitions })
  await admin.disconnect()
  const publisher = await connectPublisher({ ...others, brokers: kafka.bootstrap, clientId: 'application', topic })
  const campaigns = Array.from({ length: 5 }, () => randomUUID())
  const accountId = randomUUID()
  return {
    kafka,
    proxy,
    publisher,
    campaigns,
    publish: (count, campaignId = campaigns[0] ?? '') =>
      publisher.publishCampaignMilestoneReached({ accountId, campaignId, milestone: `${count}_participants`, participantCount: count }),
    logged: async () => {
      const counts = new Map<string, number[]>()
      await readTopic(kafka.direct, topic, (_, { key, value }) => {
        const { data }: { data: { participant_count: number } } = JSON.parse(String(value))
        counts.set(String(key), [...(counts.get(String(key)) ?? []), data.participant_count])
      })
      return counts
    },
    [Symbol.asyncDispose]: async () => {
      await publisher.close()
      await kafka[Symbol.asyncDispose]()
    },
  }
}
