import { expect, test } from 'vitest'
import { startDaemon } from '../support/daemon.ts'
import { expectClean } from '../support/refusal.ts'

const well = {
  KAFKA_BROKERS: '127.0.0.1:1',
  DATABASE_URL: 'postgresql://worker@127.0.0.1:1/platform',
  SMTP_URL: 'smtp://127.0.0.1:1',
  MAIL_FROM: 'waitlist@example.com',
}

/** What a start says that ends before there is a log. */
async function saysOf(variables: Readonly<Record<string, string>>, args: readonly string[] = []): Promise<readonly string[]> {
  await using daemon = startDaemon(variables, args)
  expect(await daemon.exited).toBe(1)
  expect(daemon.lines).toEqual([])
  expectClean(daemon, ['hidden-word'])
  return daemon.other
}

test('every wrong variable has its sentence, and all are said at once', async () => {
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

test('a start with nothing set names what it needs', async () => {
  expect((await saysOf({})).map((sentence) => /^\w+ is not set/.exec(sentence)?.[0])).toEqual([
    'KAFKA_BROKERS is not set',
    'DATABASE_URL is not set',
    'SMTP_URL is not set',
  ])
})

test('a relay URL that only the mail path can judge is refused before anything is connected', async () => {
  expect(await saysOf({ ...well, SMTP_URL: 'smtp://hidden-word@127.0.0.1:1' })).toEqual([
    'SMTP_URL needs both a user and a password, or neither; write % signs and other special characters as %25 and so on.',
  ])
})

test('a secret file that is not there is named', async () => {
  const { DATABASE_URL: _, ...rest } = well
  expect((await saysOf({ ...rest, DATABASE_URL_FILE: '/nowhere/secret' }))[0]).toBe(
    'DATABASE_URL_FILE names the file /nowhere/secret, which cannot be read (ENOENT): give the path of a file that this user may read.',
  )
})

test.each([
  [['--port', '1'], "error: unknown option '--port'"],
  [['now'], 'error: too many arguments'],
  [['--json'], '--json needs --check-config'],
])('a command line that cannot be meant: %j', async (args, says) => {
  expect((await saysOf(well, args))[0]).toContain(says)
})
