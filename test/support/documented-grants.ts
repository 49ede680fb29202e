import { readFileSync } from 'node:fs'

export interface DocumentedGrant {
  readonly table: string
  readonly rights: readonly string[]
}

/** The grants of docs/guide/security.md on the tables that operators decide in, for the daemon's role. */
export function documentedGrants(): readonly DocumentedGrant[] {
  return grantsIn(/```sql\n(GRANT SELECT, DELETE ON worker\.pauses [^`]*)```/)
}

/** Those that the admin verbs of a daemon need beyond them. */
export function documentedAdminGrants(): readonly DocumentedGrant[] {
  return grantsIn(/```sql\n(GRANT INSERT, UPDATE ON worker\.pauses [^`]*)```/)
}

function grantsIn(block: RegExp): readonly DocumentedGrant[] {
  const sql = block.exec(readFileSync('docs/guide/security.md', 'utf8'))?.[1] ?? ''
  return [...sql.matchAll(/GRANT ([A-Z, ]+) ON (\S+) TO worker_app;/g)].map(([, rights = '', table = '']) => ({
    table,
    rights: rights.split(', '),
  }))
}

/** Gives a role exactly these on their tables, and everything on all others. */
export function grantStatements(role: string): readonly string[] {
  return [
    `GRANT USAGE ON SCHEMA worker, public TO ${role}`,
    `GRANT ALL ON ALL TABLES IN SCHEMA worker, public TO ${role}`,
    ...documentedGrants().flatMap(({ table, rights }) => [
      `REVOKE ALL ON ${table} FROM ${role}`,
      `GRANT ${rights.join(', ')} ON ${table} TO ${role}`,
    ]),
  ]
}
