import type { Finding, Seen } from './check.ts'

/** The server as a session of ours sees it. */
export interface ServerFacts {
  /** Such as 17.2. */
  readonly version: string
  /** Version and cipher of TLS; null without it. */
  readonly tls: string | null
  readonly maxConnections: number
}

/** The first whose functions may have a body of SQL, as migrations of ours have. */
const OLDEST_MAJOR = 14

/** The version of the server and whether the session is encrypted. `requireWritable` decides whether a start is refused. */
export function serverSeen({ version, tls }: ServerFacts): Seen {
  const major = Number.parseInt(version, 10)
  const findings: Finding[] =
    major >= OLDEST_MAJOR
      ? []
      : [
          {
            is: 'warning',
            sentence: `PostgreSQL ${version} is older than ${OLDEST_MAJOR}, which our migrations need.`,
            fix: `upgrade the server to PostgreSQL ${OLDEST_MAJOR} or newer`,
          },
        ]
  return { sentence: `PostgreSQL ${version} accepts writes, ${tls === null ? 'without TLS' : `over ${tls}`}.`, findings }
}

/** Our migrations as the build has them and as the database recorded them. */
export interface MigrationFacts {
  readonly set: string
  /** Newest version of the build, and of the database. */
  readonly newest: number
  readonly version: number
  /** Versions whose file is not the one that was applied. */
  readonly changed: readonly number[]
}

/** Differences of the sets that refuse no start: a changed file, and a newer database of the same major. */
export function migrationsSeen(sets: readonly MigrationFacts[]): Seen {
  const findings = sets.flatMap(({ set, newest, version, changed }): Finding[] => [
    ...changed.map((number): Finding => ({
      is: 'failed',
      sentence: `Migration ${number} of the set "${set}" is not the one that was applied to this database.`,
      fix: 'restore its file, and put the change into a new migration',
    })),
    ...(version > newest
      ? [
          {
            is: 'warning' as const,
            sentence: `The database's ${set} schema is at version ${version}, newer than this build, which was written for ${newest}; it works on.`,
            fix: 'deploy the release that migrated it',
          },
        ]
      : []),
  ])
  const versions = sets.map(({ set, version }) => `${set} at ${version}`).join(', ')
  return { sentence: `${versions}: nothing pending.`, findings }
}

/** An index of our migrations. `state`: as the database has it. */
export interface IndexFacts {
  /** `schema.name`. */
  readonly name: string
  readonly state: 'valid' | 'invalid' | 'missing'
  /** The statement that creates it. */
  readonly statement: string
}

/** Indexes that an interrupted build left invalid, or that somebody dropped: statements then read whole tables. */
export function indexesSeen(indexes: readonly IndexFacts[]): Seen {
  const findings = indexes.flatMap(({ name, state, statement }): Finding[] => {
    if (state === 'valid') return []
    if (state === 'missing') return [{ is: 'failed', sentence: `The index ${name} is missing.`, fix: `run ${statement};` }]
    const sentence = `The index ${name} is invalid: its build was interrupted, and no query uses it.`
    return [{ is: 'failed', sentence, fix: `run DROP INDEX CONCURRENTLY ${name}; ${statement};` }]
  })
  return { sentence: findings[0]?.sentence ?? `${indexes.length} indexes are there and valid.`, findings }
}

/** Beyond this the times in rows and logs mislead people. */
const WARN_MS = 5_000
/** Beyond this certificates and tokens of a short life are refused, and mails count as too old. */
const FAIL_MS = 300_000

/** One reading of the server's clock, between two of ours; milliseconds since 1970. */
export interface ClockReading {
  readonly before: number
  readonly server: number
  readonly after: number
}

/** How far our clock is from the database's. The time that the answer took does not count as a difference. */
export function clockSeen({ before, server, after }: ClockReading): Seen {
  const ahead = before - server
  const behind = server - after
  const skew = Math.max(ahead, behind, 0)
  const brokers = "The brokers' clocks cannot be read without writing to a topic."
  if (skew < WARN_MS) return { sentence: `Our clock and the database's agree within ${WARN_MS / 1_000} s. ${brokers}`, findings: [] }
  const seconds = Math.round(skew / 1_000)
  const sentence = `Our clock is ${seconds} s ${ahead > behind ? 'ahead of' : 'behind'} the database's.`
  const fix = 'synchronise both machines by NTP (timedatectl, or chronyc tracking, shows which one is wrong)'
  return { sentence, findings: [{ is: skew < FAIL_MS ? 'warning' : 'failed', sentence, fix }] }
}
