import type { Sql } from '../../../src/std/sql.ts'

/** Tables whose every INSERT and UPDATE something happens to, by triggers of PostgreSQL's own. */
export interface StruckTables {
  /** From the next statement on; `body` is PL/pgSQL. Those that run go on as they began. */
  with(body: string): Promise<void>
  /** Nothing happens any more. */
  healed(): Promise<void>
}

/** The disk of the tables is full: no page more. What PostgreSQL says then, in its words and with its SQLSTATE. */
export const DISK_FULL = `RAISE EXCEPTION 'could not extend file "base/1/1": No space left on device' USING ERRCODE = '53100'`

/** Changes a function only, so nobody waits for a lock of a table. To be called before anybody works on them. */
export async function strikeTables(sql: Sql, tables: readonly string[]): Promise<StruckTables> {
  const become = (body: string) =>
    sql.query(`CREATE OR REPLACE FUNCTION public.struck() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ${body}; RETURN NULL; END $$`)
  await become('NULL')
  for (const table of tables) {
    await sql.query(`CREATE TRIGGER struck BEFORE INSERT OR UPDATE ON ${table} FOR EACH STATEMENT EXECUTE FUNCTION public.struck()`)
  }
  return {
    with: async (body) => void (await become(body)),
    healed: async () => void (await become('NULL')),
  }
}
