import type {
  DeadLetterAdmin,
  DeadLetterCount,
  DeadLetterFilter,
  DeadLetterRecord,
  LetterAction,
  LetterCopy,
  LetterGroup,
} from '../../../admin/dead-letters/dead-letter-admin.ts'
import type { LetterPlace } from '../../../ingest/letter-store.ts'
import type { LogRecord } from '../../../ingest/record-source.ts'
import { letterFingerprint } from '../../../model/letter-fingerprint.ts'
import type { Session, Sql } from '../../../std/sql.ts'
import { sqlArray, sqlBytes } from '../../../std/sql-array.ts'
import { headersInJson, headersOf, type KeptHeaders } from '../ingest/letter-headers.ts'

/** `worker.dead_letters` and the tables beside it for operators. Throws SqlError. */
export function createDeadLetterAdmin(session: Session): DeadLetterAdmin {
  const { sql } = session
  return {
    counts: async (filter) =>
      sql.query<DeadLetterCount>(
        `SELECT group_name AS "group", reason, count(*)::int AS count, min(at) AS first, max(at) AS last
           FROM worker.dead_letters WHERE ${matches} GROUP BY 1, 2 ORDER BY last DESC`,
        await parameters(sql, filter),
      ),
    groups: async (filter) => {
      const rows = await sql.query<Omit<LetterGroup, 'fingerprint' | 'owner' | 'note'>>(
        `SELECT group_name AS "group", reason, type, error, count(*)::int AS count, min(at) AS first, max(at) AS last,
                count(*) FILTER (WHERE replays > 0)::int AS replayed
           FROM worker.dead_letters WHERE ${matches} GROUP BY 1, 2, 3, 4 ORDER BY last DESC`,
        await parameters(sql, filter),
      )
      const notes = await sql.query<{ key: string; owner: string | null; note: string | null }>(
        `SELECT group_name || ' ' || fingerprint AS key, owner, note FROM worker.dead_letter_groups`,
      )
      const known = new Map(notes.map(({ key, owner, note }) => [key, { owner, note }]))
      return rows.map((row) => {
        const fingerprint = letterFingerprint(row)
        return { ...row, fingerprint, ...(known.get(`${row.group} ${fingerprint}`) ?? { owner: null, note: null }) }
      })
    },
    records: async (filter, limit) => {
      const rows = await sql.query<Omit<DeadLetterRecord, 'fingerprint'>>(
        `SELECT group_name AS "group", topic, partition, "offset", reason, type, event_id AS "eventId", at, error, detail, state, replays,
                EXISTS (SELECT FROM worker.dead_letter_copies AS c
                         WHERE (c.group_name, c.topic, c.partition, c."offset") = (d.group_name, d.topic, d.partition, d."offset") AND c.edited)
                  AS edited
           FROM worker.dead_letters AS d WHERE ${matches} ORDER BY at DESC, partition, "offset" DESC LIMIT $14`,
        [...(await parameters(sql, filter)), limit],
      )
      return rows.map((row) => ({ ...row, fingerprint: letterFingerprint(row) }))
    },
    types: async () => {
      const rows = await sql.query<{ type: string }>(`SELECT DISTINCT type FROM worker.dead_letters WHERE type IS NOT NULL ORDER BY 1`)
      return rows.map(({ type }) => type)
    },
    actions: (letter) =>
      sql.query<LetterAction>(
        `SELECT action, owner, because, at FROM worker.dead_letter_actions
          WHERE group_name = $1 AND topic = $2 AND partition = $3 AND "offset" = $4 ORDER BY id`,
        placeOf(letter),
      ),
    copy: (letter) => copyOf(sql, letter),
    note: async (groups, fingerprint, { owner, text }) => {
      await sql.query(
        `INSERT INTO worker.dead_letter_groups AS g (group_name, fingerprint, owner, note)
         SELECT name, $2, $3, $4 FROM unnest($1::text[]) AS names (name) ORDER BY name
         ON CONFLICT (group_name, fingerprint) DO UPDATE
           SET owner = coalesce(excluded.owner, g.owner), note = coalesce(excluded.note, g.note), at = now()`,
        [groups, fingerprint, owner, text],
      )
    },
    request: (letters, { owner, because, allowOlder }) =>
      session.transaction(async (tx) => {
        let requested = 0
        for (let from = 0; from < letters.length; from += STATEMENT_LETTERS) {
          const some = letters.slice(from, from + STATEMENT_LETTERS)
          const moved = await move(
            tx,
            some.map(({ place }) => place),
            'requested',
            ['open', 'discarded'],
          )
          const taken = some.filter(({ place }) => moved.has(keyOf(place)))
          await insertCopies(tx, taken, { edited: false, allowOlder })
          await record(
            tx,
            taken.map(({ place }) => place),
            'replay',
            owner,
            because,
          )
          requested += taken.length
        }
        return requested
      }),
    discard: (letters, { owner, because }) =>
      session.transaction(async (tx) => {
        const moved = await move(tx, letters, 'discarded', ['open', 'requested'])
        const taken = letters.filter((letter) => moved.has(keyOf(letter)))
        await tx.query(
          `DELETE FROM worker.dead_letter_copies AS c USING ${places}
            WHERE (c.group_name, c.topic, c.partition, c."offset") = (p.group_name, p.topic, p.partition, p."offset") AND NOT c.edited`,
          columnsOf(taken),
        )
        await record(tx, taken, 'discard', owner, because)
        return taken.length
      }),
    edit: (copy, { owner, because }) =>
      session.transaction(async (tx) => {
        const held = await tx.query(
          `SELECT FROM worker.dead_letters WHERE group_name = $1 AND topic = $2 AND partition = $3 AND "offset" = $4
              AND state IN ('open', 'discarded') FOR UPDATE`,
          placeOf(copy.place),
        )
        if (held.length === 0) return false
        await insertCopies(tx, [copy], { edited: true, allowOlder: false })
        await record(tx, [copy.place], 'edit', owner, because)
        return true
      }),
  }
}

/** Records may be large, and a statement holds all of its own. */
const STATEMENT_LETTERS = 50

const matches = `
  ($1::text IS NULL OR group_name = $1) AND ($2::text IS NULL OR reason = $2) AND ($3::text IS NULL OR type = $3)
  AND ($4::uuid IS NULL OR event_id = $4) AND ($5::timestamptz IS NULL OR at >= $5) AND ($6::timestamptz IS NULL OR at < $6)
  AND state = ANY ($7::text[])
  AND ($8::text[] IS NULL OR (group_name, partition, "offset") IN (SELECT * FROM unnest($8::text[], $9::int[], $10::bigint[])))
  AND ($11::text[] IS NULL
       OR (reason, coalesce(type, ''), coalesce(error, '')) IN (SELECT * FROM unnest($11::text[], $12::text[], $13::text[])))`

/** Of `matches`. A fingerprint stands for what the letters that have it have in common. */
async function parameters(sql: Sql, filter: DeadLetterFilter): Promise<readonly unknown[]> {
  const { letters, group, reason, type, eventId, fingerprint, since, until, states } = filter
  const named = letters.length > 0
  const alike = fingerprint === null ? null : await failedAlike(sql, fingerprint)
  return [
    group,
    reason,
    type,
    eventId,
    since,
    until,
    states,
    named ? sqlArray(letters, (letter) => letter.group) : null,
    named ? sqlArray(letters, (letter) => letter.partition) : null,
    named ? sqlArray(letters, (letter) => letter.offset) : null,
    alike === null ? null : sqlArray(alike, (one) => one.reason),
    alike === null ? null : sqlArray(alike, (one) => one.type ?? ''),
    alike === null ? null : sqlArray(alike, (one) => one.error ?? ''),
  ]
}

async function failedAlike(sql: Sql, fingerprint: string) {
  const kinds = await sql.query<{ reason: string; type: string | null; error: string | null }>(
    'SELECT DISTINCT reason, type, error FROM worker.dead_letters',
  )
  return kinds.filter((kind) => letterFingerprint(kind) === fingerprint)
}

async function copyOf(sql: Sql, letter: LetterPlace): Promise<LogRecord | null> {
  const [row] = await sql.query<{
    readonly timestamp: string
    readonly key: Buffer | null
    readonly value: Buffer | null
    readonly headers: KeptHeaders
  }>(
    `SELECT timestamp, key, value, headers FROM worker.dead_letter_copies
      WHERE group_name = $1 AND topic = $2 AND partition = $3 AND "offset" = $4`,
    placeOf(letter),
  )
  if (row === undefined) return null
  return { offset: letter.offset, timestamp: Number(row.timestamp), key: row.key, value: row.value, headers: headersOf(row.headers) }
}

/** Those that changed, by `keyOf`. Locked in one order, so that two commands do not deadlock. */
async function move(tx: Sql, letters: readonly LetterPlace[], to: string, from: readonly string[]): Promise<ReadonlySet<string>> {
  const rows = await tx.query<{ key: string }>(
    `WITH held AS MATERIALIZED (
       SELECT d.group_name, d.topic, d.partition, d."offset" FROM worker.dead_letters AS d JOIN ${places} USING (group_name, topic, partition, "offset")
        WHERE d.state = ANY ($5::text[]) ORDER BY 1, 2, 3, 4 FOR UPDATE OF d)
     UPDATE worker.dead_letters AS d SET state = $6, requested_at = CASE WHEN $6 = 'requested' THEN now() END
       FROM held WHERE (d.group_name, d.topic, d.partition, d."offset") = (held.group_name, held.topic, held.partition, held."offset")
     RETURNING d.group_name || ' ' || d.topic || ' ' || d.partition || ' ' || d."offset" AS key`,
    [...columnsOf(letters), from, to],
  )
  return new Set(rows.map(({ key }) => key))
}

async function insertCopies(
  tx: Sql,
  copies: readonly LetterCopy[],
  { edited, allowOlder }: { readonly edited: boolean; readonly allowOlder: boolean },
): Promise<void> {
  const place = copies.map((copy) => copy.place)
  await tx.query(
    `INSERT INTO worker.dead_letter_copies AS c (group_name, topic, partition, "offset", timestamp, key, value, headers, edited, allow_older)
     SELECT p.*, $9, $10 FROM unnest($1::text[], $2::text[], $3::int[], $4::bigint[], $5::bigint[], $6::bytea[], $7::bytea[], $8::jsonb[]) AS p
     ON CONFLICT (group_name, topic, partition, "offset") DO UPDATE
       SET timestamp = CASE WHEN c.edited AND NOT excluded.edited THEN c.timestamp ELSE excluded.timestamp END,
           key = CASE WHEN c.edited AND NOT excluded.edited THEN c.key ELSE excluded.key END,
           value = CASE WHEN c.edited AND NOT excluded.edited THEN c.value ELSE excluded.value END,
           headers = CASE WHEN c.edited AND NOT excluded.edited THEN c.headers ELSE excluded.headers END,
           edited = c.edited OR excluded.edited, allow_older = excluded.allow_older`,
    [
      ...columnsOf(place),
      sqlArray(copies, ({ record }) => record.timestamp),
      sqlArray(copies, ({ record }) => (record.key === null ? null : sqlBytes(record.key))),
      sqlArray(copies, ({ record }) => (record.value === null ? null : sqlBytes(record.value))),
      sqlArray(copies, ({ record }) => JSON.stringify(headersInJson(record.headers))),
      edited,
      allowOlder,
    ],
  )
}

async function record(tx: Sql, letters: readonly LetterPlace[], action: LetterAction['action'], owner: string, because: string | null) {
  await tx.query(
    `INSERT INTO worker.dead_letter_actions (group_name, topic, partition, "offset", action, owner, because)
     SELECT p.*, $5, $6, $7 FROM ${places}`,
    [...columnsOf(letters), action, owner, because],
  )
}

/** Rows `p` of the first four parameters, which `columnsOf` has. */
const places = `unnest($1::text[], $2::text[], $3::int[], $4::bigint[]) AS p (group_name, topic, partition, "offset")`

function columnsOf(letters: readonly LetterPlace[]): readonly string[] {
  return [
    sqlArray(letters, ({ group }) => group),
    sqlArray(letters, ({ topic }) => topic),
    sqlArray(letters, ({ partition }) => partition),
    sqlArray(letters, ({ offset }) => offset),
  ]
}

function placeOf({ group, topic, partition, offset }: LetterPlace): readonly unknown[] {
  return [group, topic, partition, offset]
}

function keyOf({ group, topic, partition, offset }: LetterPlace): string {
  return `${group} ${topic} ${partition} ${offset}`
}
