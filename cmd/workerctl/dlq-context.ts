import type { Config } from '../../config/load.ts'
import type { DeadLetterAdmin, DeadLetterFilter, DeadLetterRecord } from '../../src/admin/dead-letters/dead-letter-admin.ts'
import { letterFilter, type TypedLetterFilter } from '../../src/admin/dead-letters/letter-filter.ts'
import { letterHandle } from '../../src/admin/dead-letters/letter-handle.ts'
import type { OperatorGroup } from '../../src/admin/operator-group.ts'
import { operatorReaders } from '../../src/admin/topics/topic-rights.ts'
import { composeConsumers } from '../../src/daemon/compose/consumers.ts'
import { readLetters, type ReadLetter } from '../../src/infra/kafka/consumer/read-letters.ts'
import { createDeadLetterAdmin } from '../../src/infra/postgres/admin/postgres-dead-letter-admin.ts'
import { checkSchema } from '../../src/infra/postgres/schema/schema-check.ts'
import { createRegistryClient } from '../../src/infra/registry/registry-client.ts'
import { createRegistrySchemas } from '../../src/infra/registry/registry-schemas.ts'
import type { LetterPlace } from '../../src/ingest/letter-store.ts'
import type { ReplayingGroup } from '../../src/ingest/replay-letters.ts'
import { createTypeFilter } from '../../src/ingest/type-filter.ts'
import { isProjecting } from '../../src/model/consumer.ts'
import { systemClock } from '../../src/std/clock.ts'
import { OperatorError } from '../../src/std/failure.ts'
import type { Database } from '../../src/std/sql.ts'
import type { Command } from 'commander'
import { configure, WHOLE_TABLE_MS, withDatabase, withKafka } from './connections.ts'
import type { Terminal } from './terminal.ts'
import { DAY_MS } from '../../src/std/day.ts'

/** What the verbs of dead letters work with. */
export interface Letters {
  readonly config: Config
  readonly groups: readonly OperatorGroup[]
  readonly admin: DeadLetterAdmin
  readonly database: Database
}

/**
 * Connects to the database and disconnects.
 *
 * @param typed the words that can be checked before, and names of letters
 * @throws {OperatorError} naming the word that is wrong
 */
export async function withLetters<Result>(
  terminal: Terminal,
  typed: { readonly filter?: TypedLetterFilter; readonly letters?: readonly string[] },
  work: (letters: Letters) => Promise<Result>,
): Promise<Result> {
  const { config, groups } = configure(terminal)
  // Its type may be one that only dead letters have.
  const { type: _, ...words } = typed.filter ?? {}
  letterFilter(words, typed.letters ?? [], { groups, types: [], now: systemClock.now() })
  return withDatabase(
    config,
    async (database) => {
      await checkSchema(database.sql)
      return work({ config, groups, admin: createDeadLetterAdmin(database), database })
    },
    { statementTimeoutMs: WHOLE_TABLE_MS },
  )
}

/** Adds the options of {@link TypedLetterFilter}. */
export function addLetterFilter(command: Command): Command {
  return command
    .option('--group <group>', 'only of this group, with or without KAFKA_GROUP_PREFIX')
    .option('--reason <reason>', 'only with this reason')
    .option('--type <type>', 'only of this type of event')
    .option('--event <id>', 'only of this event')
    .option('--fingerprint <fingerprint>', 'only those that failed alike, as "dlq groups" shows them')
    .option('--since <time>', 'only those given up at this time or later, such as 7d or 2026-01-31T00:00:00Z')
    .option('--until <time>', 'only those given up before this time')
    .option('--state <state>', 'open, requested, resolved, discarded or all; open unless letters are named')
}

/** The filter as it is typed. @throws {OperatorError} naming the word that is wrong, and the nearest that there is */
export async function filterOf(
  { admin, groups }: Letters,
  typed: TypedLetterFilter,
  named: readonly string[] = [],
): Promise<DeadLetterFilter> {
  return letterFilter(typed, named, {
    groups,
    types: typed.type === undefined ? [] : await admin.types(),
    now: systemClock.now(),
  })
}

/** The one letter of this name. @throws {OperatorError} there is none, or several in topics that the group has read */
export async function oneLetter(letters: Letters, handle: string): Promise<DeadLetterRecord> {
  const [record, other] = await letters.admin.records(await filterOf(letters, {}, [handle]), 2)
  if (record === undefined)
    throw new OperatorError(`There is no dead letter "${handle}": "dlq list --state all" shows those that are on record.`)
  if (other === undefined) return record
  throw new OperatorError(
    `There are dead letters "${handle}" of the topics ${record.topic} and ${other.topic}: set KAFKA_TOPIC to the one that the group reads.`,
  )
}

/** Where a letter was. */
export function placeOf({ group, topic, partition, offset }: DeadLetterRecord): LetterPlace {
  return { group, topic, partition, offset: BigInt(offset) }
}

/** The record of a letter is neither on the dead-letter topic nor where it was. */
export function recordGone(letter: string): OperatorError {
  return new OperatorError(
    `No topic has the record of ${letter} any more, because its retention is over: "dlq show ${letter}" says what is on record, and "dlq discard ${letter} --owner NAME --because TEXT" closes it.`,
  )
}

/** The records of letters of any groups, by their names; those that no topic has any more are missing. */
export async function readAll({ config }: Letters, records: readonly DeadLetterRecord[]): Promise<ReadonlyMap<string, ReadLetter>> {
  const { brokers, clientId, tls, sasl, groupPrefix } = config.kafka
  const settings = { brokers, clientId: `${clientId}-workerctl`, tls, sasl }
  const found = new Map<string, ReadLetter>()
  if (records.length === 0) return found
  await withKafka(config, async (admin) => {
    const from = { settings, admin, reader: operatorReaders(groupPrefix).letters, maxEventBytes: config.accept.eventMaxBytes }
    for (const some of Map.groupBy(records, ({ group, topic }) => `${group} ${topic}`).values()) {
      const read = await readLetters(
        from,
        some.map((record) => ({ ...placeOf(record), at: record.at })),
      )
      for (const record of some) {
        const letter = read.get(`${record.partition}/${record.offset}`)
        if (letter !== undefined) found.set(letterHandle(record), letter)
      }
    }
  })
  return found
}

/** Groups as a replay needs them, by their ids: the daemon's own consumers, under this environment's settings. */
export function replayingGroups({ config, groups }: Letters): (id: string) => ReplayingGroup {
  const consumers = new Map(composeConsumers(config).map((consumer) => [consumer.name, consumer]))
  const { registry, registryNow } = config.kafka
  const schemas = registry === null ? undefined : createRegistrySchemas(createRegistryClient(registryNow), systemClock)
  return (id) => {
    const consumer = consumers.get(groups.find((group) => group.id === id)?.name ?? '')
    if (consumer === undefined)
      throw new OperatorError(`This build has no group "${id}": use the release of the daemon that runs it, and its KAFKA_GROUP_PREFIX.`)
    const reader = {
      consumer,
      filter: createTypeFilter(consumer.types),
      maxEventBytes: config.accept.eventMaxBytes,
      dedupeHorizon: () => systemClock.now() - config.accept.dedupeDays * DAY_MS,
      schemas,
    }
    return { reader, project: isProjecting(consumer) ? consumer.project : undefined }
  }
}
