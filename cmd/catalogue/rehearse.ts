import { InvalidArgumentError, type Command } from 'commander'
import { loadConfig } from '../../config/load.ts'
import { requireTopics } from '../../src/admin/require-topics.ts'
import { operatorGroups } from '../../src/admin/operator-group.ts'
import { TIME_FORMS, timeIn } from '../../src/admin/time-option.ts'
import { operatorReaders } from '../../src/admin/topics/topic-rights.ts'
import type { Catalogue } from '../../src/catalogue/diff.ts'
import { Rehearsal, type Fate } from '../../src/catalogue/rehearsal.ts'
import { schemaIdOf, type WriterSchemas } from '../../src/events/framed-value.ts'
import { knownGroups, listedConsumers } from '../../src/consumers/registry.ts'
import { createKafkaAdmin } from '../../src/infra/kafka/admin/kafka-admin.ts'
import { readTopicSince } from '../../src/infra/kafka/consumer/read-topic-since.ts'
import { createRegistryClient } from '../../src/infra/registry/registry-client.ts'
import { createRegistrySchemas } from '../../src/infra/registry/registry-schemas.ts'
import { deadLetterTopic } from '../../src/ingest/dead-letter.ts'
import type { LogRecord } from '../../src/ingest/record-source.ts'
import type { SchemaSource } from '../../src/ingest/schema-source.ts'
import { systemClock } from '../../src/std/clock.ts'

interface Options {
  readonly candidate: string
  readonly today: string
  readonly since: Date
  readonly json?: boolean
}

const HELP = `
Reads the topics of the groups and their dead-letter topics, by the brokers of KAFKA_BROKERS and the rest of the worker's configuration, and commits
nothing. Each record is read by the catalogue of today and by the candidate.

Exit code 0 if no record would break, 2 if one would; 1 if a topic could not be read.

A file has no functions: versions that need an upcaster are judged for the catalogue "current" alone.

Examples:
  npm run catalogue -- rehearse --since 7d
  npm run catalogue -- rehearse --candidate candidate.json --today current --since 2026-01-31T00:00:00Z`

/** @param named reads a catalogue. @param onJudged is called with whether a record would break */
export function addRehearse(program: Command, named: (name: string) => Promise<Catalogue>, onJudged: (breaks: boolean) => void): void {
  program
    .command('rehearse')
    .description('Say which records of the real topics would break or be healed by a candidate. Exits with 2 when one would break.')
    .option('--candidate <catalogue>', 'a file of config/events/released, "released" for the last of them, or "current"', 'current')
    .option('--today <catalogue>', 'what the daemons read by; the same', 'released')
    .requiredOption('--since <time>', 'how far back: 30m, 12h, 7d, or an RFC 3339 time', timeOf)
    .option('--json', 'print one JSON object')
    .addHelpText('after', HELP)
    .action(async ({ candidate, today, since, json }: Options) => {
      const report = { since: since.toISOString(), ...(await rehearse(await named(today), await named(candidate), since)) }
      const { topics, fates } = report
      onJudged(fates.some(({ is }) => is === 'breaks'))
      const text =
        json === true
          ? JSON.stringify(report)
          : [`Read since ${report.since}: ${topics.join(', ')}.`, ...fates.map(inWords), conclusion(report)].join('\n')
      process.stdout.write(`${text}\n`)
    })
}

type Rehearsed = ReturnType<Rehearsal['report']> & {
  /** That were read. */
  readonly topics: readonly string[]
}

async function rehearse(today: Catalogue, candidate: Catalogue, since: Date): Promise<Rehearsed> {
  const config = loadConfig(process.env, { ...knownGroups, mailGroups: [] })
  const { brokers, clientId, tls, sasl, groupPrefix } = config.kafka
  const settings = { brokers, clientId: `${clientId}-catalogue`, tls, sasl }
  const maxEventBytes = config.accept.eventMaxBytes
  const rehearsal = new Rehearsal(today, candidate, { maxBytes: maxEventBytes })
  const groups = operatorGroups(listedConsumers, config.kafka)
  const topics = new Set(groups.map(({ topic }) => topic))
  const letters = groups.map(({ topic, id }) => deadLetterTopic(topic, id))
  const admin = createKafkaAdmin(settings)
  const { registry, registryNow } = config.kafka
  const schemas = registry === null ? null : createRegistrySchemas(createRegistryClient(registryNow), systemClock)
  try {
    await admin.connect()
    await requireTopics(
      admin,
      groups.filter(({ enabled }) => enabled),
    )
    const present = await admin.topics([...topics, ...letters])
    for (const topic of present.keys()) {
      const from = { settings, admin, group: operatorReaders(groupPrefix).rehearsal, topic, since, maxEventBytes }
      await readTopicSince(from, async (partition, record) => {
        const readers = await readersOf(record, schemas)
        if (topics.has(topic)) rehearsal.addRecord({ topic, partition }, record, readers)
        else rehearsal.addDeadLetter(record, readers)
      })
    }
    return { topics: [...present.keys()], ...rehearsal.report() }
  } finally {
    await admin.disconnect()
  }
}

/** Of the value, where it begins with the id of a schema and a registry is configured. */
async function readersOf({ value }: LogRecord, schemas: SchemaSource | null): Promise<WriterSchemas | undefined> {
  const id = schemaIdOf(value)
  return id === null || schemas === null ? undefined : new Map([[id, await schemas.reader(id, never)]])
}

const { signal: never } = new AbortController()

function inWords({ is, type, version, producer, because, count, first }: Fate): string {
  const which = `${count} ${count === 1 ? 'record' : 'records'} of ${type}, version ${version}, by ${producer}`
  return is === 'breaks'
    ? `${which} would break: ${because}. The first: ${first}`
    : `${which} would be healed (${because}). The first: ${first}`
}

function conclusion({ records, deadLetters, fates }: Rehearsed): string {
  const [breaks, heals] = (['breaks', 'heals'] as const).map((is) =>
    fates.filter((fate) => fate.is === is).reduce((sum, { count }) => sum + count, 0),
  )
  return `Of ${records} records ${breaks} would break; of ${deadLetters} dead letters ${heals} would be healed.`
}

function timeOf(text: string): Date {
  const now = systemClock.now()
  const time = timeIn(text, now)
  if (time === null) throw new InvalidArgumentError(`Give ${TIME_FORMS}.`)
  if (time.getTime() > now) throw new InvalidArgumentError('It is in the future, where no record is. Give a time that has passed.')
  return time
}
