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
 * What each server says; one that does not answer, or refuses us, is a sentence, and hides nothing of the other. Without the schema that
 * this build needs nothing else is read of the database, and of Kafka only whether it answers: groups are judged by rows.
 *
 * @throws {SqlError} when the database fails after its schema was found to be right.
 */
export async function gatherFacts({ database, withKafka }: StatusServers, scope: StatusScope): Promise<StatusFacts> {
  const { groups, channels, clock } = scope
  const refusal = await refusalOf(() => database.requireSchema())
  if (refusal !== null) {
    const topics = groups.map(({ topic }) => topic)
    const kafka = await refusalOf(() => withKafka((admin) => admin.topics(topics)))
    const [away, schema] = refusal.isDatabase ? [refusal.sentence, null] : [null, refusal.sentence]
    return { ...nothing, channels, database: away, schema, kafka: kafka?.sentence ?? null }
  }
  const found = await ofDatabase(database, groups, clock)
  let all: readonly GroupFacts[] = []
  const kafka = await refusalOf(async () => {
    all = await withKafka((admin) => gatherGroups(scope, admin, database))
  })
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

/** Why a server did not do it, as a sentence; null when it did. */
async function refusalOf(work: () => Promise<unknown>): Promise<{ readonly sentence: string; readonly isDatabase: boolean } | null> {
  try {
    await work()
    return null
  } catch (error) {
    const known = error instanceof SqlError ? databaseSentence(error) : null
    return { sentence: known?.message ?? asSentence(messageOf(error)), isDatabase: error instanceof SqlError }
  }
}
