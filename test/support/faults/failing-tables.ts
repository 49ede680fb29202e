import type { Sql } from '../../../src/std/sql.ts'

/** Tables whose INSERT and UPDATE statements fail or slow down, by triggers. */
export interface FailingTables {
  /** Runs `body`, in PL/pgSQL, before every further statement. */
  inject(body: string): Promise<void>
  /** Ends the fault. */
  heal(): Promise<void>
}

/** A full disk, with the message and the SQLSTATE of PostgreSQL. */
export const DISK_FULL = `RAISE EXCEPTION 'could not extend file "base/1/1": No space left on device' USING ERRCODE = '53100'`

/** Later changes replace only the trigger's function and wait for no table lock. To be called before the tables are used. */
export async function createFailingTables(sql: Sql, tables: readonly string[]): Promise<FailingTables> {
  const replace = (body: string) =>
    sql.query(`CREATE OR REPLACE FUNCTION public.failing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ${body}; RETURN NULL; END $$`)
  await replace('NULL')
  for (const table of tables) {
    await sql.query(`CREATE TRIGGER failing BEFORE INSERT OR UPDATE ON ${table} FOR EACH STATEMENT EXECUTE FUNCTION public.failing()`)
  }
  return {
    inject: async (body) => void (await replace(body)),
    heal: async () => void (await replace('NULL')),
  }
}
