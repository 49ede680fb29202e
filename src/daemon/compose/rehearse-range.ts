import type { Config } from '../../../config/load.ts'
import type { Foresee } from '../../admin/replay/foresee.ts'
import { rehearseReplay, type RehearsedRange } from '../../admin/replay/rehearse-replay.ts'
import type { ReplayPlan } from '../../admin/replay/replay-plan.ts'
import { rangeReader } from '../../infra/kafka/consumer/read-range.ts'
import { createRehearsalStore } from '../../infra/postgres/ingest/postgres-replay-store.ts'
import { createRegistryClient } from '../../infra/registry/registry-client.ts'
import { createRegistrySchemas } from '../../infra/registry/registry-schemas.ts'
import type { Consumer } from '../../model/consumer.ts'
import { systemClock } from '../../std/clock.ts'
import { DAY_MS } from '../../std/day.ts'
import type { Database } from '../../std/sql.ts'
import { mailChannels } from './channels.ts'

/**
 * What a group would do about a range, under this environment's settings, without doing it.
 *
 * @throws {OperatorError} the topic cannot be read, or `signal` aborted before it was
 */
export async function rehearseRange(
  { kafka, accept }: Config,
  database: Database,
  consumer: Consumer,
  foresee: Foresee,
  { cap, revives, ...range }: RehearsedRange,
  signal = new AbortController().signal,
): Promise<ReplayPlan> {
  const { brokers, clientId, tls, sasl, registry, registryNow } = kafka
  return rehearseReplay({
    reading: {
      ...range,
      consumer,
      reader: {
        maxEventBytes: accept.eventMaxBytes,
        chunkEvents: accept.chunkEvents,
        chunkBytes: accept.chunkBytes,
        schemas: registry === null ? undefined : createRegistrySchemas(createRegistryClient(registryNow), systemClock),
        dedupeHorizon: () => systemClock.now() - accept.dedupeDays * DAY_MS,
      },
      read: rangeReader({ brokers, clientId: `${clientId}-workerctl`, tls, sasl }),
      clock: systemClock,
    },
    cap,
    mailChannels,
    storeOf: (options) => createRehearsalStore(database, { ...options, revives }),
    foresee,
    signal,
  })
}
