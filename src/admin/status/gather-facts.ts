import type { Clock } from '../../std/clock.ts'
import { asSentence, messageOf } from '../../std/failure.ts'
import { SqlError } from '../../std/sql.ts'
import { databaseSentence } from '../database-sentence.ts'
import type { OperatorGroup } from '../operator-group.ts'
import { gatherGroups, type StatusScope } from './gather-groups.ts'
import type { GroupFacts, StatusFacts } from './status-facts.ts'
import type { StatusDatabase, StatusServers } from './status-ports.ts'

const MOST_DEAD_LETTERS = 10_000
const MOST_OUTBOX_ROWS = 10_000
const ROUND_TRIPS = 3

/**
 * What each server says; one that does not answer, or refuses us, is a sentence, and hides nothing of the other. Without the schema that this build
 * needs, and where a statement fails on the way, nothing counts of the database but the sessions that block others, and of Kafka only whether it
 * answers: groups are judged by rows.
 */
export async function gatherFacts(servers: StatusServers, scope: StatusScope): Promise<StatusFacts> {
  const { database } = servers
  const schema = await refusalOf(() => database.requireSchema())
  if (schema !== null) return withoutRows(servers, scope, schema)
  try {
    return await ofBoth(servers, scope)
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

async function ofBoth({ database, withKafka }: StatusServers, scope: StatusScope): Promise<StatusFacts> {
  const { groups, channels, clock } = scope
  const found = await ofDatabase(database, groups, clock)
  let all: readonly GroupFacts[] = []
  const kafka = await refusalOf(async () => {
    all = await withKafka((admin) => gatherGroups(scope, admin, database))
  })
  if (kafka?.isDatabase === true) throw kafka.error
  // A second look: a statement gives up after some seconds, and is tried again.
  const blocked = [...found.blocked, ...(await database.inside.blocked())]
  return { ...nothing, ...found, channels, blocked, groups: all, kafka: kafka?.sentence ?? null }
}

/** Nothing is known and nothing is wrong. */
const nothing: Omit<StatusFacts, 'channels'> = {
  database: null,
  schema: null,
  kafka: null,
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

async function ofDatabase(database: StatusDatabase, groups: readonly OperatorGroup[], clock: Clock): Promise<DatabaseFacts> {
  const { reader, inside, pauses } = database
  return {
    blocked: await inside.blocked(),
    slow: await reader.slowSessions(),
    quiet: await reader.quietProcesses(),
    roundTripMs: await shortestRoundTrip(database, clock),
    deadIntents: await reader.deadIntents(),
    deadLetters: await reader.deadLetters(MOST_DEAD_LETTERS),
    work: await reader.openWork(groups.map(({ id }) => id)),
    outbox: await database.countOutbox(MOST_OUTBOX_ROWS),
    pauses: await pauses.active(),
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
