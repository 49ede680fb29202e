import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { variables } from '../../config/variables.ts'
import { startDaemon } from '../support/daemon.ts'
import { expectClean } from '../support/refusal.ts'

const secret = 'hidden-word'
const well = {
  KAFKA_BROKERS: 'kafka-1.example.com:9092',
  DATABASE_URL: `postgresql://worker:${secret}@db.example.com:5432/platform?sslmode=verify-full`,
  SMTP_URL: `smtp://worker:${secret}@mail.example.com:587`,
  MAIL_FROM: 'waitlist@example.com',
}

interface Printed {
  readonly variables: readonly { readonly name: string; readonly value: string | null; readonly source: string }[]
  readonly problems: readonly string[]
  readonly warnings: readonly string[]
}

/** What `--check-config` prints on both outputs, line by line; it connects to nothing. */
async function checked(given: Readonly<Record<string, string>>, ...args: readonly string[]) {
  await using daemon = startDaemon(given, ['--check-config', ...args])
  const code = await daemon.exited
  expectClean(daemon, [secret])
  return { code, other: daemon.other }
}

async function checkedAsJson(given: Readonly<Record<string, string>>) {
  const { code, other } = await checked(given, '--json')
  const objects = other.filter((line) => line.startsWith('{'))
  expect(objects).toHaveLength(1)
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the test asserts its fields
  const printed = JSON.parse(objects[0] ?? '') as Printed
  const complaints = other.filter((line) => !line.startsWith('{'))
  return { code, printed, row: (name: string) => printed.variables.find((row) => row.name === name), complaints }
}

test('a valid configuration: every variable with its value and source, exit 0', async () => {
  const { code, other } = await checked(well)
  expect(code).toBe(0)
  expect(other.map((line) => line.split(/ +/)[0])).toEqual(Object.keys(variables))
  expect(other).toContainEqual(
    expect.stringMatching(/^DATABASE_URL +postgresql:\/\/worker:\*\*\*@db\.example\.com:5432\/platform\?sslmode=verify-full +environment$/),
  )
  expect(other).toContainEqual(expect.stringMatching(/^SMTP_URL +smtp:\/\/worker:\*\*\*@mail\.example\.com:587 +environment$/))
  expect(other).toContainEqual(expect.stringMatching(/^KAFKA_TOPIC +domain-events +default$/))
  expect(other).toContainEqual(expect.stringMatching(/^PGPASSWORD +\(not set\) +default$/))
})

test('the same as one JSON object; a secret from a file is masked, with its source', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'secret-'))
  try {
    const path = join(folder, 'password')
    await writeFile(path, `${secret}\n`, { mode: 0o600 })
    const { DATABASE_URL: _, ...rest } = well
    const parts = { PGHOST: 'db.example.com', PGSSLMODE: 'verify-full', PGUSER: 'worker', PGPASSWORD_FILE: path }
    const { code, printed, row } = await checkedAsJson({ ...rest, ...parts, KAFKA_POOL: '3' })
    expect({ code, problems: printed.problems }).toEqual({ code: 0, problems: [] })
    expect(row('PGPASSWORD')).toEqual({ name: 'PGPASSWORD', value: '***', source: 'file' })
    expect(row('PGHOST')).toEqual({ name: 'PGHOST', value: 'db.example.com', source: 'environment' })
    expect(printed.warnings).toEqual([expect.stringMatching(/^KAFKA_POOL is not a variable of this program/)])
  } finally {
    await rm(folder, { recursive: true })
  }
})

test('an invalid configuration: every variable, all problems, exit 1', async () => {
  const { code, printed, row, complaints } = await checkedAsJson({ ...well, HTTP_PORT: 'high', SMTP_URL: `smtp:${secret}` })
  expect(code).toBe(1)
  expect(printed.variables.map(({ name }) => name)).toEqual(Object.keys(variables))
  expect(row('HTTP_PORT')?.value).toBe('high')
  expect(printed.problems.map((problem) => problem.split(/\W/)[0])).toEqual(['SMTP_URL', 'HTTP_PORT'])
  expect(complaints).toEqual(printed.problems)
})
