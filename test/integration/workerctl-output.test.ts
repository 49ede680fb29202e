import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, inject, onTestFinished, test } from 'vitest'
import { tempFolder } from '../../stack/temp-folder.ts'
import { cleanEnvironment } from '../../stack/worker-environment.ts'
import { migratedDatabase, type MigratedDatabase } from '../support/migrated-database.ts'
import { Platform } from '../support/platform.ts'

const main = join(import.meta.dirname, '../../cmd/workerctl/main.ts')
const COUNT = 5_000

let db: MigratedDatabase
let settings: Record<string, string>

beforeAll(async () => {
  db = await migratedDatabase()
  settings = cleanEnvironment({ KAFKA_BROKERS: inject('kafkaBootstrap').join(','), DATABASE_URL: db.url })
})
afterAll(async () => db.close())
beforeEach(async () => {
  await db.sql.query('TRUNCATE worker.intents')
  const { campaignId } = await new Platform(db.sql).campaign()
  await db.sql.query(
    `INSERT INTO worker.intents (group_name, kind, version, channel, key, campaign_id)
     SELECT 'email-workers', 'mail', 1, 'email', 'mail:' || number, $1 FROM generate_series(1, $2::int) number`,
    [campaignId, COUNT],
  )
})

test('output of any size reaches a pipe completely', async () => {
  const folder = tempFolder('output')
  onTestFinished(() => folder.remove())
  const file = join(folder.path, 'out.json')
  const script = '"$0" "$@" | cat > "$OUT"; echo "${PIPESTATUS[0]}"'
  const child = spawn('bash', ['-c', script, process.execPath, main, 'intents', 'list', '--limit', String(COUNT), '--json'], {
    env: { ...settings, OUT: file },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [status] = await Promise.all([child.stdout.setEncoding('utf8').toArray(), once(child, 'close')])
  expect(status.join('').trim()).toBe('0')
  const { intents } = JSON.parse(await readFile(file, 'utf8'))
  expect(intents).toHaveLength(COUNT)
})

test('a table into a pipe is not truncated, and fits COLUMNS where they are set, without colours', async () => {
  const [whole, fitted] = [await table({}), await table({ COLUMNS: '100' })]
  const widths = [whole, fitted].map((lines) => Math.max(...lines.map(({ length }) => length)))
  expect(widths[0]).toBeGreaterThan(100)
  expect(widths[1]).toBe(100)
  expect(fitted.length).toBe(whole.length)
  expect([...whole, ...fitted].join('')).not.toContain('\u001B')
})

test('a confirmed plan is applied although the reader of the output is gone, and the exit code shows it', async () => {
  const child = spawn(process.execPath, [main, 'intents', 'cancel', '--state', 'pending', '--limit', String(COUNT), '--yes'], {
    env: settings,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  child.stdout.destroy()
  const [errors, [code]] = await Promise.all([child.stderr.setEncoding('utf8').toArray(), once(child, 'close')])
  expect({ code, errors }).toEqual({ code: 1, errors: [] })
  expect(await db.sql.query(`SELECT state, count(*)::int FROM worker.intents GROUP BY 1`)).toEqual([{ state: 'cancelled', count: COUNT }])
})

/** The lines of a list that is written into a pipe. */
async function table(columns: Record<string, string>): Promise<readonly string[]> {
  const child = spawn(process.execPath, [main, 'intents', 'list', '--limit', '2'], {
    env: { ...settings, ...columns },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [text] = await Promise.all([child.stdout.setEncoding('utf8').toArray(), once(child, 'close')])
  return text.join('').split('\n')
}
