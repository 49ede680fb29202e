import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { createTemplateVersions } from '../../../src/infra/postgres/intents/postgres-template-versions.ts'
import type { Sql } from '../../../src/std/sql.ts'
import { migratedDatabase, type MigratedDatabase } from '../../support/migrated-database.ts'

let database: MigratedDatabase
beforeAll(async () => {
  database = await migratedDatabase()
})
afterAll(() => database.close())
beforeEach(async () => {
  await database.sql.query('DELETE FROM worker.template_versions')
})

const text = { from: 'campaign', subject: 'Hello {{first_name}}', html: '<p>é 🎉</p>', text: null } as const

/** The database, with a count of the statements that reach it. */
function counted(): { sql: Sql; statements: () => number } {
  let count = 0
  return {
    statements: () => count,
    sql: {
      query: (...of) => {
        count += 1
        return database.sql.query(...of)
      },
    },
  }
}

it('a text is stored once, found by any process, and costs no statement while the process knows that it is stored', async () => {
  let now = 0
  const { sql, statements } = counted()
  const versions = createTemplateVersions(sql, () => now)
  await Promise.all([1, 2, 3].map(() => versions.keep('h', text)))
  await versions.keep('h', text)
  expect(statements()).toBe(1)
  expect(await createTemplateVersions(database.sql, () => 0).find('h')).toEqual(text)
  expect(await versions.find('another')).toBeNull()
  now = 61_000
  await versions.keep('h', text)
  expect(statements()).toBe(3)
})

it('a text that is used again gets a new time of use', async () => {
  await createTemplateVersions(database.sql, () => 0).keep('h', text)
  await database.sql.query(`UPDATE worker.template_versions SET used_at = now() - interval '9 days'`)
  await createTemplateVersions(database.sql, () => 0).keep('h', text)
  const [row] = await database.sql.query<{ lately: boolean }>(
    `SELECT used_at > now() - interval '1 minute' AS lately FROM worker.template_versions`,
  )
  expect(row?.lately).toBe(true)
})

it('a text that the database did not store is written again', async () => {
  const refused = new Error('gone')
  let away = true
  const sql: Sql = { query: (...of) => (away ? Promise.reject(refused) : database.sql.query(...of)) }
  const versions = createTemplateVersions(sql, () => 0)
  await expect(versions.keep('h', text)).rejects.toBe(refused)
  away = false
  await versions.keep('h', text)
  expect(await versions.find('h')).toEqual(text)
})
