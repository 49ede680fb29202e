import type { Mutant } from './mutant.ts'

const registryAway = 'test/e2e/schema-registry-away-delays-only-its-values.test.ts'
const waits = 'while the schema registry hangs, its values wait: their group keeps its membership, goes on elsewhere, rebalances and stops'

/** Mutants of the path of a record into the database: what is accepted, by whom, and what is committed to Kafka. */
export const acceptMutants: readonly Mutant[] = [
  {
    name: 'commit before accept',
    because: 'Offsets are committed for records that no transaction holds; another reader of the committed offset would skip them.',
    edits: [
      {
        file: 'src/ingest/batch-runner.ts',
        text: `    const startedAt = clock.monotonic()\n    const { partition, storedOffset, recoverBelow } = progress\n`,
        becomes: `    const startedAt = clock.monotonic()\n    const { partition, storedOffset, recoverBelow } = progress\n    of.onWritten({ ...progress, storedOffset: chunk.next })\n`,
      },
    ],
    scenario: {
      project: 'faults',
      file: 'test/faults/postgres/only-accepted-offsets-are-committed.test.ts',
      test: 'while the accept of one partition waits for a lock, only the offset of the other partition is committed to Kafka',
    },
    fails: 'assertion',
  },
  {
    name: 'no epoch fence',
    because: 'A commit of an assignment that is over goes out in the generation of the next one.',
    edits: [
      {
        file: 'src/infra/kafka/consumer/group-member.ts',
        text: 'if (!current || assignment !== current || current.ended || !this.#commitThrough) return false',
        becomes: 'if (!current || !this.#commitThrough) return false',
      },
    ],
    scenario: {
      project: 'contract',
      file: 'test/contract/kafka/record-source.test.ts',
      test: 'two members share the partitions, and no commit of the old epoch is sent after the rejoin',
    },
    fails: 'assertion',
  },
  {
    name: 'progress row ignored',
    because: 'An assignment starts where Kafka says; what lies between the row and there is never accepted.',
    edits: [
      {
        file: 'src/ingest/group-worker.ts',
        text: 'return new Map([...owned.all()].map(({ partition, storedOffset }) => [partition, storedOffset]))',
        becomes:
          'return new Map([...owned.all()].map(({ partition, storedOffset }) => [partition, found.committed.get(partition)?.offset ?? storedOffset]))',
      },
    ],
    scenario: {
      project: 'faults',
      file: 'test/faults/kafka/offset-moved-ahead-by-another-tool.test.ts',
      test: 'a group whose offset another tool moved past unaccepted records starts at its row and skips none of them',
    },
    fails: 'assertion',
  },
  {
    name: 'progress row overwritten without comparing',
    because: 'Two owners of one partition both write, and the slower one takes the row back.',
    edits: [
      {
        file: 'src/infra/postgres/ingest/postgres-accept-store.ts',
        text: 'AND partition = $3 AND next_offset = $4',
        becomes: 'AND partition = $3 AND $4::bigint IS NOT NULL',
      },
      {
        file: 'src/infra/postgres/ingest/postgres-accept-store.ts',
        text: 'AND p.partition = held.partition AND p.next_offset = moves.expected',
        becomes: 'AND p.partition = held.partition',
      },
    ],
    scenario: {
      project: 'contract',
      file: 'test/contract/postgres/accept-store.test.ts',
      test: 'of two owners of a partition exactly one writes',
    },
    fails: 'assertion',
  },
  {
    name: 'ON CONFLICT key without the user',
    because: 'Of all mails of a milestone only one is written; the others look like its repetitions.',
    edits: [
      {
        file: 'src/consumers/email/mail-kind.ts',
        text: 'key: `mail:${eventId}:${type}:${to.userId}`,',
        becomes: 'key: `mail:${eventId}:${type}`,',
      },
    ],
    scenario: {
      project: 'e2e',
      file: 'test/e2e/event-types-have-their-full-effect.test.ts',
      test: 'each event type has its full effect, and no other',
    },
    fails: 'assertion',
  },
  {
    name: 'projection of repeated events',
    because: 'A projection gets every event of a chunk, also those on record: a replay counts them again.',
    edits: [
      {
        file: 'src/infra/postgres/ingest/postgres-accept-store.ts',
        text: 'const events = fresh.flatMap(({ event }) => event ?? [])',
        becomes: 'const events = chunk.events.flatMap(({ event }) => event ?? [])',
      },
    ],
    scenario: {
      project: 'contract',
      file: 'test/contract/postgres/accept-projections.test.ts',
      test: 'a projection gets each event once, in the transaction that accepts it',
    },
    fails: 'assertion',
  },
  {
    name: 'projection behind the accept',
    because: 'A projection runs in a transaction of its own: when it fails, its events are on record and have had no effect.',
    edits: [
      {
        file: 'src/infra/postgres/ingest/postgres-accept-store.ts',
        text: 'return await database.transaction((tx) => accept(tx, chunk))',
        becomes: `const { project: work, ...rest } = chunk
        const result = await database.transaction((tx) => accept(tx, rest))
        const events = chunk.events.flatMap(({ event }) => event ?? [])
        if (work !== undefined && events.length > 0) await database.transaction((tx) => project(tx, work, events))
        return result`,
      },
    ],
    scenario: {
      project: 'contract',
      file: 'test/contract/postgres/accept-projections.test.ts',
      test: 'a projection gets each event once, in the transaction that accepts it',
    },
    fails: 'assertion',
  },
  {
    name: 'dead letters while the schema registry is away',
    because: 'After a request that fails the values are decoded without their schemas, and given up.',
    edits: [
      {
        file: 'src/ingest/fetch-schemas.ts',
        text: 'await clock.sleep(retryInMs, signal)\n    return null',
        becomes: 'await clock.sleep(retryInMs, signal)\n    return new Map()',
      },
    ],
    scenario: { project: 'e2e', file: registryAway, test: waits },
    fails: 'deadline',
  },
  {
    name: 'wait for a schema inside its batch',
    because: "Kafka's client fetches nothing more of the broker, and the other partitions wait for as long as the registry is away.",
    edits: [
      {
        file: 'src/ingest/batch-runner.ts',
        text: 'const schemas = await fetchSchemas(batch.records, attempt, {',
        becomes:
          'let schemas: WriterSchemas | null = null\n    while (schemas === null) schemas = await fetchSchemas(batch.records, attempt, {',
      },
    ],
    scenario: { project: 'e2e', file: registryAway, test: waits },
    fails: 'deadline',
  },
  {
    name: 'login to the schema registry read once',
    because: 'A password that is replaced in its file is used only after a restart.',
    edits: [
      {
        file: 'src/daemon/app.ts',
        text: 'createRegistryClient(config.kafka.registryNow)',
        becomes: 'createRegistryClient(() => registry)',
      },
    ],
    scenario: {
      project: 'e2e',
      file: registryAway,
      test: 'a schema registry that refuses the login over TLS is named and waited for, until its file has another',
    },
    fails: 'deadline',
  },
]
