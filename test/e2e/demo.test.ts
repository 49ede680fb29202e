import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { Client } from 'pg'
import { describe, expect, inject, it } from 'vitest'
import { knownGroups } from '../../src/consumers/registry.ts'
import { cleanEnvironment } from '../../stack/worker-environment.ts'
import { startSmtpSink } from '../../stack/smtp-sink.ts'
import { freshDatabase } from '../support/fresh.ts'

/** What may be exported for production in the shell where somebody tries the demo. */
const exported = { DATABASE_URL: 'postgresql://nobody@127.0.0.1:1/production', KAFKA_BROKERS: '127.0.0.1:1', LEADERBOARD_SWEEP_MS: 'wrong' }

async function runDemo(args: readonly string[], environment: Readonly<Record<string, string>> = {}) {
  const child = spawn(process.execPath, [join(import.meta.dirname, '../../cmd/demo/main.ts'), ...args], {
    env: cleanEnvironment({ ...exported, ...environment }),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [stdout, stderr, ended] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  return { stdout, stderr, code: ended[0] as unknown }
}

/** The report: the only thing on standard output of a demo that ended well. */
function reportOf({ stdout, stderr, code }: Awaited<ReturnType<typeof runDemo>>): unknown {
  // With what it complained of, so that a failure says why.
  expect({ code, complaints: code === 0 ? '' : stderr }).toEqual({ code: 0, complaints: '' })
  expect(stdout.trimEnd().split('\n')).toHaveLength(1)
  return JSON.parse(stdout)
}

const nothing = Object.fromEntries(knownGroups.groups.map((name) => [name, 0]))

/** Null where the system does not tell. */
const isFigure = (value: unknown) => value === null || typeof value === 'number'

describe('the demo', () => {
  it('plays a story on servers of its own and finds that all is as the story says, as one JSON object', async () => {
    expect(reportOf(await runDemo(['--once', '--events', '400', '--seed', '7', '--json']))).toEqual({
      events: 400,
      acknowledged: 400,
      mails: { expected: 360, received: 360, duplicates: 0 },
      rewards: { expected: 26, delivered: 26 },
      positions: { checked: 131, wrong: 0 },
      deadLetters: { expected: 8, found: 8 },
      lag: nothing,
      seconds: expect.any(Number),
      eventsPerSecond: expect.any(Number),
      daemon: { readySeconds: expect.any(Number), peakMegabytes: expect.toSatisfy(isFigure), cpuSeconds: expect.toSatisfy(isFigure) },
    })
  })

  it('plays on existing servers, again and again, with a story of its own each time', async () => {
    const [database, smtp] = await Promise.all([freshDatabase(), startSmtpSink()])
    const servers = { DEMO_KAFKA_BROKERS: inject('kafkaBootstrap').join(','), DEMO_DATABASE_URL: database.url, DEMO_SMTP_URL: smtp.url }
    try {
      for (const _ of ['first', 'second']) {
        const report = reportOf(await runDemo(['--once', '--events', '60', '--json', '--existing'], servers))
        expect(report).toMatchObject({ events: 60, acknowledged: 60, positions: { wrong: 0 }, lag: nothing })
      }
      expect(smtp.counters.mails).toBeGreaterThan(60)
    } finally {
      await Promise.all([database.drop(), smtp.stop()])
    }
  })

  it('refuses a database that holds what it did not write, and leaves it as it is', async () => {
    const database = await freshDatabase()
    const client = new Client({ connectionString: database.url })
    try {
      await client.connect()
      await client.query('CREATE TABLE accounts (id uuid PRIMARY KEY); INSERT INTO accounts VALUES (gen_random_uuid())')
      const { stdout, stderr, code } = await runDemo(['--once', '--json', '--existing'], {
        DEMO_KAFKA_BROKERS: inject('kafkaBootstrap').join(','),
        DEMO_DATABASE_URL: database.url,
        DEMO_SMTP_URL: 'smtp://127.0.0.1:1',
      })
      expect({ stdout, stderr, code }).toEqual({
        stdout: '',
        stderr:
          'DEMO_DATABASE_URL names a database that holds tables or rows of a platform which the demo did not write: give it an empty database.\n',
        code: 1,
      })
      const { rows } = await client.query("SELECT nspname FROM pg_namespace WHERE nspname IN ('demo', 'worker')")
      expect(rows).toEqual([])
    } finally {
      await client.end()
      await database.drop()
    }
  })

  it.each([
    [['--once', '--existing'], '--existing needs DEMO_KAFKA_BROKERS and DEMO_DATABASE_URL and DEMO_SMTP_URL: '],
    [['--json'], '--json needs --once: '],
    [['--once', '--events', 'many'], 'It takes a whole number from 1.'],
  ])('says what is wrong with %j', async (args, sentence) => {
    const { stdout, stderr, code } = await runDemo(args)
    expect(code).toBe(1)
    expect(stdout).toBe('')
    expect(stderr).toContain(sentence)
    expect(stderr).not.toContain('    at ')
  })
})
