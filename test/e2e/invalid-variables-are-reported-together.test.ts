import { expect, test } from 'vitest'
import { startDaemon } from '../support/daemon.ts'
import { expectClean } from '../support/refusal.ts'

const well = {
  KAFKA_BROKERS: '127.0.0.1:1',
  DATABASE_URL: 'postgresql://worker@127.0.0.1:1/platform',
  SMTP_URL: 'smtp://127.0.0.1:1',
  MAIL_FROM: 'waitlist@example.com',
}

/** The output of a start that ends before the log is opened. */
async function saysOf(variables: Readonly<Record<string, string>>, args: readonly string[] = []): Promise<readonly string[]> {
  await using daemon = startDaemon(variables, args)
  expect(await daemon.exited).toBe(1)
  expect(daemon.lines).toEqual([])
  expectClean(daemon, ['hidden-word'])
  return daemon.other
}

test('all invalid variables are reported at once', async () => {
  const said = await saysOf({
    KAFKA_BROKERS: 'kafka-1.example.com',
    KAFKA_GROUPS: 'email-workers,mice',
    DATABASE_URL: 'mysql://worker:hidden-word@127.0.0.1/platform',
    SMTP_URL: 'smtp://worker:hidden-word#1@127.0.0.1',
    BOOT_TIMEOUT_MS: 'soon',
    HTTP_PORT: '99999',
  })
  const names = ['KAFKA_BROKERS', 'DATABASE_URL', 'SMTP_URL', 'HTTP_PORT', 'BOOT_TIMEOUT_MS', 'KAFKA_GROUPS']
  expect(said.map((sentence) => /^[A-Z_]+/.exec(sentence)?.[0])).toEqual(names)
  for (const sentence of said) expect(sentence).toMatch(/\.$/)
})

test('a start without variables names those that are required', async () => {
  expect((await saysOf({})).map((sentence) => /^\w+ is not set/.exec(sentence)?.[0])).toEqual([
    'KAFKA_BROKERS is not set',
    'DATABASE_URL is not set',
    'SMTP_URL is not set',
  ])
})

test('an SMTP URL that only the mail path can check is refused before any connection is made', async () => {
  expect(await saysOf({ ...well, SMTP_URL: 'smtp://hidden-word@127.0.0.1:1' })).toEqual([
    'SMTP_URL needs both a user and a password, or neither; write % signs and other special characters as %25 and so on.',
  ])
})

test('a missing secret file is named', async () => {
  const { DATABASE_URL: _, ...rest } = well
  expect((await saysOf({ ...rest, DATABASE_URL_FILE: '/nowhere/secret' }))[0]).toBe(
    'DATABASE_URL_FILE names the file /nowhere/secret, which cannot be read (ENOENT): give the path of a file that this user may read.',
  )
})

test.each([
  [['--port', '1'], "error: unknown option '--port'"],
  [['now'], 'error: too many arguments'],
  [['--json'], '--json needs --check-config'],
])('an invalid command line: %j', async (args, says) => {
  expect((await saysOf(well, args))[0]).toContain(says)
})
