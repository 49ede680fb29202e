import { inject } from 'vitest'
import { runWorkerctl, type Ran } from '../integration/workerctl-scene.ts'
import type { Scene } from './scene.ts'

/** Runs `workerctl` as the operator of a scene would. */
export async function workerctlOn(scene: Pick<Scene, 'topic' | 'groupPrefix' | 'databaseUrl'>, ...args: readonly string[]): Promise<Ran> {
  return runWorkerctl(args, {
    KAFKA_BROKERS: inject('kafkaBootstrap').join(','),
    KAFKA_TOPIC: scene.topic,
    KAFKA_GROUP_PREFIX: scene.groupPrefix,
    DATABASE_URL: scene.databaseUrl,
  })
}
