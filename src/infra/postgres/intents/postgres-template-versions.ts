import type { TemplateText } from '../../../delivery/email/mail-template.ts'
import type { TemplateVersions } from '../../../delivery/email/template-versions.ts'
import type { Sql } from '../../../std/sql.ts'

/**
 * How long a process assumes that a version is still stored. Short, because a database that was restored to an older state has lost the
 * newest versions, and every mail that is started until they are stored again could not be sent a second time. Milliseconds.
 */
const KNOWN_MS = 60_000
/** Versions that are remembered as stored; beyond that all are stored again. */
const MOST_KNOWN = 10_000

/** The texts in `worker.template_versions`. Throws SqlError. */
export function createTemplateVersions(sql: Sql, now: () => number): TemplateVersions {
  /** When each was stored, or is being stored, by the process's own clock. */
  const known = new Map<string, { readonly at: number; readonly stored: Promise<unknown> }>()

  return {
    async keep(hash, text) {
      const before = known.get(hash)
      if (before !== undefined && now() - before.at < KNOWN_MS) return void (await before.stored)
      if (known.size >= MOST_KNOWN) known.clear()
      const stored = sql.query(storing, [hash, JSON.stringify(text)])
      const entry = { at: now(), stored }
      known.set(hash, entry)
      try {
        await stored
      } catch (error) {
        if (known.get(hash) === entry) known.delete(hash)
        throw error
      }
    },
    async find(hash) {
      const [row] = await sql.query<{ content: TemplateText }>('SELECT content FROM worker.template_versions WHERE hash = $1', [hash])
      return row?.content ?? null
    },
  }
}

const storing = `
INSERT INTO worker.template_versions AS v (hash, content) VALUES ($1, $2)
ON CONFLICT (hash) DO UPDATE SET used_at = now() WHERE v.used_at < now() - interval '1 hour'`
