import kafkajs from 'kafkajs'
import { createKafkaClient, type KafkaSettings } from '../../src/infra/kafka/client/kafka-client.ts'
import { eventually } from './eventually.ts'
import { startKafka, type KafkaOptions, type KafkaServer } from '../../stack/kafka-broker.ts'

const { AclOperationTypes, AclPermissionTypes, AclResourceTypes, ResourcePatternTypes } = kafkajs

export type Right = readonly [
  kind: 'topic' | 'group' | 'cluster',
  name: string,
  operation: 'Read' | 'Write' | 'Describe' | 'DescribeConfigs',
  /** Default: `worker`. */
  user?: 'worker' | 'publisher',
  /** Default: the right is on exactly this name. */
  pattern?: 'prefixed',
]

/** A broker that lets everybody on its plain listener do everything, and the users `worker` and `publisher`, who log in, what they were granted. */
export interface BrokerWithRights {
  readonly kafka: KafkaServer
  /** What a daemon must know to log in as `worker`. */
  readonly login: Readonly<Record<string, string>>
  /** The settings of a client that logs in as `publisher`. */
  readonly publisher: KafkaSettings
  grant(...rights: readonly Right[]): Promise<void>
  revoke(...rights: readonly Right[]): Promise<void>
  stop(): Promise<void>
}

const PASSWORD = 'granted-hidden-word'

export async function startBrokerWithRights(properties: KafkaOptions['properties'] = {}): Promise<BrokerWithRights> {
  const kafka = await startKafka({
    properties: {
      'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
      'super.users': 'User:ANONYMOUS',
      ...properties,
    },
    users: ['worker', 'publisher'].map((name) => ({ name, password: PASSWORD })),
    listeners: [{ name: 'LOGIN', sasl: { mechanisms: ['SCRAM-SHA-512'] } }],
  })
  const client = createKafkaClient({ brokers: kafka.bootstrap, clientId: 'rights' }, { retries: 2 })
  const admin = client.kafka.admin()
  await admin.connect()
  /** The controller answers before the broker has learnt of a change. */
  const inForce = (right: Right, isThere: boolean) =>
    eventually(`${right.join(' ')} is ${isThere ? 'granted' : 'revoked'}`, async () => {
      const { resources } = await admin.describeAcls(entry(right))
      return resources.length > 0 === isThere || `${resources.length} rights`
    })
  return {
    kafka,
    login: {
      KAFKA_BROKERS: kafka.secured['LOGIN'] ?? '',
      KAFKA_SECURITY_PROTOCOL: 'SASL_PLAINTEXT',
      KAFKA_SASL_USERNAME: 'worker',
      KAFKA_SASL_PASSWORD: PASSWORD,
    },
    publisher: {
      brokers: kafka.listening('LOGIN'),
      clientId: 'publisher',
      sasl: { mechanism: 'SCRAM-SHA-512', username: 'publisher', password: PASSWORD },
    },
    grant: async (...rights) => {
      await admin.createAcls({ acl: rights.map(entry) })
      for (const right of rights) await inForce(right, true)
    },
    revoke: async (...rights) => {
      for (const right of rights) await admin.deleteAcls({ filters: [entry(right)] })
      for (const right of rights) await inForce(right, false)
    },
    stop: async () => {
      await admin.disconnect()
      client.destroyConnections()
      await kafka.stop()
    },
  }
}

function entry([kind, name, operation, user = 'worker', pattern]: Right) {
  return {
    resourceType: { topic: AclResourceTypes.TOPIC, group: AclResourceTypes.GROUP, cluster: AclResourceTypes.CLUSTER }[kind],
    resourceName: name,
    resourcePatternType: pattern === undefined ? ResourcePatternTypes.LITERAL : ResourcePatternTypes.PREFIXED,
    principal: `User:${user}`,
    host: '*',
    operation: {
      Read: AclOperationTypes.READ,
      Write: AclOperationTypes.WRITE,
      Describe: AclOperationTypes.DESCRIBE,
      DescribeConfigs: AclOperationTypes.DESCRIBE_CONFIGS,
    }[operation],
    permissionType: AclPermissionTypes.ALLOW,
  }
}
