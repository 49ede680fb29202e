import type { Clock } from '../../std/clock.ts'
import { asSentence, messageOf } from '../../std/failure.ts'
import { SqlError } from '../../std/sql.ts'
import { databaseSentence } from '../database-sentence.ts'
import { deadIntentsFact, deadLettersFact, openWorkFact, outboxFact, pausesFact, schemaFact, sessionsFact } from './facts-of-tables.ts'
import { gatherGroups, type StatusScope } from './gather-groups.ts'
import { createFactReads, type FactReads } from './read-facts.ts'
import type { GroupFacts, StatusFacts } from './status-facts.ts'
import type { StatusDatabase, StatusServers } from './status-ports.ts'

const MOST_DEAD_LETTERS = 10_000
const MOST_OUTBOX_ROWS = 10_000
const ROUND_TRIPS = 3

/**
 * What each server says; one that does not answer, or refuses us, is a sentence, and hides nothing of the other. Without the schema that this build
 * needs, and where it is lost on the way, nothing counts of the database but the sessions that block others, and of Kafka only whether it answers:
 * groups are judged by rows. Facts of a table that stays locked, or whose statement is cancelled, are missing by themselves, and named.
 */
export async function gatherFacts(servers: StatusServers, scope: StatusScope): Promise<StatusFacts> {
  const { database } = servers
  const reads = createFactReads()
  const schema = await refusalOf(() => reads.readOr(schemaFact, undefined, () => database.requireSchema()))
  if (schema !== null) return withoutRows(servers, scope, schema)
  try {
    return await ofBoth(servers, scope, reads)
  } catch (error) {
    if (!(error instanceof SqlError)) throw error
    // They may be why the statement failed, unless there was no answer at all.
    const blocked = error.state === undefined ? [] : await database.inside.blocked().catch(() => [])
    return { ...(await withoutRows(servers, scope, refusalBy(error))), blocked }
  }
}

async function withoutRows({ withKafka }: StatusServers, { groups, channels }: StatusScope, refusal: Refusal): Promise<StatusFacts> {
  const topics = groups.map(({ topic }) => topic)
  const kafka = await refusalOf(() => withKafka((admin) => admin.topics(topics)))
  const [database, schema] = refusal.isDatabase ? [refusal.sentence, null] : [null, refusal.sentence]
  return { ...nothing, channels, database, schema, kafka: kafka?.sentence ?? null }
}

async function ofBoth({ database, withKafka }: StatusServers, scope: StatusScope, reads: FactReads): Promise<StatusFacts> {
  const { channels } = scope
  const found = await ofDatabase(database, scope, reads)
  let all: readonly GroupFacts[] = []
  const kafka = await refusalOf(async () => {
    all = await withKafka((admin) => gatherGroups(scope, admin, database, reads))
  })
  if (kafka?.isDatabase === true) throw kafka.error
  // A second look: a statement gives up after some seconds, and is tried again.
  const again = await reads.readOr(sessionsFact, [], () => database.inside.blocked())
  const blocked = [...found.blocked, ...again]
  return { ...nothing, ...found, channels, blocked, groups: all, kafka: kafka?.sentence ?? null, unread: reads.unread() }
}

/** Nothing is known and nothing is wrong. */
const nothing: Omit<StatusFacts, 'channels'> = {
  database: null,
  schema: null,
  kafka: null,
  unread: [],
  groups: [],
  blocked: [],
  slow: [],
  quiet: [],
  roundTripMs: null,
  deadIntents: [],
  deadLetters: [],
  work: [],
  outbox: null,
  pauses: [],
}

type DatabaseFacts = Pick<
  StatusFacts,
  'blocked' | 'slow' | 'quiet' | 'roundTripMs' | 'deadIntents' | 'deadLetters' | 'work' | 'outbox' | 'pauses'
>

async function ofDatabase(database: StatusDatabase, { groups, clock }: StatusScope, reads: FactReads): Promise<DatabaseFacts> {
  const { reader, inside, pauses } = database
  return {
    blocked: await reads.readOr(sessionsFact, [], () => inside.blocked()),
    slow: await reads.readOr(sessionsFact, [], () => reader.slowSessions()),
    quiet: await reads.readOr(sessionsFact, [], () => reader.quietProcesses()),
    roundTripMs: await reads.readOr(sessionsFact, null, () => shortestRoundTrip(database, clock)),
    deadIntents: await reads.readOr(deadIntentsFact, [], () => reader.deadIntents()),
    deadLetters: await reads.readOr(deadLettersFact, [], () => reader.deadLetters(MOST_DEAD_LETTERS)),
    work: await reads.readOr(openWorkFact, [], () => reader.openWork(groups.map(({ id }) => id))),
    outbox: await reads.readOr(outboxFact, null, () => database.countOutbox(MOST_OUTBOX_ROWS)),
    pauses: await reads.readOr(pausesFact, [], () => pauses.active()),
  }
}

/** Of a few on an open connection, so that neither its making nor one busy moment counts; milliseconds. */
async function shortestRoundTrip(database: StatusDatabase, clock: Clock): Promise<number> {
  let shortest = Infinity
  for (let trip = 0; trip < ROUND_TRIPS; trip += 1) {
    const from = clock.monotonic()
    await database.roundTrip()
    shortest = Math.min(shortest, clock.monotonic() - from)
  }
  return shortest
}

interface Refusal {
  readonly error: unknown
  readonly sentence: string
  readonly isDatabase: boolean
}

/** Why a server did not do it; null when it did. */
async function refusalOf(work: () => Promise<unknown>): Promise<Refusal | null> {
  try {
    await work()
    return null
  } catch (error) {
    return refusalBy(error)
  }
}

function refusalBy(error: unknown): Refusal {
  const known = error instanceof SqlError ? databaseSentence(error) : null
  return { error, sentence: known?.message ?? asSentence(messageOf(error)), isDatabase: error instanceof SqlError }
}
