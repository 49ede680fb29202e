import { inject } from 'vitest'
import { runWorkerctl, type Ran } from '../integration/workerctl-fixture.ts'
import type { Fixture } from './fixture.ts'

/** Runs `workerctl` with the settings of a fixture. */
export async function workerctlFor(
  fixture: Pick<Fixture, 'topic' | 'groupPrefix' | 'databaseUrl'>,
  ...args: readonly string[]
): Promise<Ran> {
  return runWorkerctl(args, {
    KAFKA_BROKERS: inject('kafkaBootstrap').join(','),
    KAFKA_TOPIC: fixture.topic,
    KAFKA_GROUP_PREFIX: fixture.groupPrefix,
    DATABASE_URL: fixture.databaseUrl,
  })
}
