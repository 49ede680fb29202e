import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { Client } from 'pg'
import { describe, expect, inject, it, onTestFinished } from 'vitest'
import { knownGroups } from '../../src/consumers/registry.ts'
import type { Report } from '../../cmd/demo/once.ts'
import { cleanEnvironment } from '../../stack/worker-environment.ts'
import { startSmtpSink } from '../../stack/smtp-sink.ts'
import { freshDatabase } from '../support/fresh.ts'
import { runWorkerctl } from '../integration/workerctl-fixture.ts'

/** What may be exported for production in the shell where somebody tries the demo. */
const exported = { DATABASE_URL: 'postgresql://nobody@127.0.0.1:1/production', KAFKA_BROKERS: '127.0.0.1:1', LEADERBOARD_SWEEP_MS: 'wrong' }

const main = join(import.meta.dirname, '../../cmd/demo/main.ts')

async function runDemo(args: readonly string[], environment: Readonly<Record<string, string>> = {}) {
  const child = spawn(process.execPath, [main, ...args], {
    env: cleanEnvironment({ ...exported, ...environment }),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [stdout, stderr, ended] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  return { stdout, stderr, code: ended[0] as unknown }
}

/** The report: the only thing on standard output of a demo that ended well. */
function reportOf({ stdout, stderr, code }: Awaited<ReturnType<typeof runDemo>>): Report {
  // With what it complained of, so that a failure says why.
  expect({ code, complaints: code === 0 ? '' : stderr }).toEqual({ code: 0, complaints: '' })
  expect(stdout.trimEnd().split('\n')).toHaveLength(1)
  return JSON.parse(stdout)
}

const nothing = Object.fromEntries(knownGroups.groups.map((name) => [name, 0]))

/** Null where the system does not provide it. */
const isFigure = (value: unknown) => value === null || typeof value === 'number'

/** How the lines of a run on servers of its own begin, stage by stage. */
const stages = [
  'Loading the demo',
  'Starting the servers: Kafka, PostgreSQL, a mail sink and a webhook sink on 127.0.0.1',
  'Kafka: 127.0.0.1:',
  'PostgreSQL: postgres://',
  'Migrating the database: the tables of platform, worker and groups',
  'Creating the topics and the campaigns',
  'Starting the daemon: log ',
  "export KAFKA_BROKERS='127.0.0.1:",
  'Ready after ',
  'Publishing 400 events',
  'Waiting: 400 events are acknowledged; the daemon is processing them',
  'Stopping the daemon',
  'The daemon ended with exit code 0',
  'Stopping the servers',
]

/** The stages of a run in the order of its lines; what a stage repeats about itself on a slow machine is left out. */
function stagesIn(text: string): string[] {
  const found = text.split('\n').filter((line) => !/, \d+ s$/.test(line))
  return found.flatMap((line) => stages.filter((stage) => line.startsWith(stage)))
}

describe('the demo', () => {
  it('plays a scenario on its own servers and reports that everything is as expected, as one JSON object', async () => {
    const run = await runDemo(['--once', '--events', '400', '--seed', '7', '--json'])
    const report = reportOf(run)
    // Every group that has to read a bad record dead-letters it: how many there are depends on the groups.
    const { found } = report.deadLetters
    expect(found).toBeGreaterThan(0)
    expect(report).toEqual({
      events: 400,
      acknowledged: 400,
      mails: { expected: 360, received: 360, duplicates: 0 },
      rewards: { expected: 26, delivered: 26 },
      positions: { checked: 131, wrong: 0 },
      deadLetters: { expected: found, found },
      eventCounts: { expected: 377, found: 377 },
      lag: nothing,
      seconds: expect.any(Number),
      eventsPerSecond: expect.any(Number),
      daemon: { readySeconds: expect.any(Number), peakMegabytes: expect.toSatisfy(isFigure), cpuSeconds: expect.toSatisfy(isFigure) },
    })
    expect(stagesIn(run.stderr)).toEqual(stages)
    // oxlint-disable-next-line no-control-regex -- control characters are what a file or pipe must not get
    expect(run.stderr).not.toMatch(/[\0-\x09\x0b-\x1f]/)
  })

  it('names each stage before it starts or downloads anything', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'demo-test-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    // The demo and what it starts write to one file, in the order of what happens.
    const log = join(folder, 'log')
    const version = `echo 'openjdk version "11.0.2"' | tee -a '${log}' >&2`
    await writeFile(join(folder, 'java'), `#!/bin/sh\n${version}\n`, { mode: 0o755 })
    const file = await open(log, 'a')
    const child = spawn(process.execPath, [main, '--once'], {
      env: cleanEnvironment({ PATH: `${folder}:/usr/bin:/bin` }, ['JAVA_HOME']),
      stdio: ['ignore', 'ignore', file.fd],
    })
    const [code] = (await once(child, 'close')) as unknown[]
    await file.close()
    const lines = (await readFile(log, 'utf8')).split('\n')
    expect(code).toBe(1)
    expect(lines.slice(0, 2)).toEqual(stages.slice(0, 2))
    expect(lines.indexOf('openjdk version "11.0.2"')).toBeGreaterThan(1)
    expect(lines.at(-2)).toMatch(/^Java in PATH is version 11, but the local Kafka broker needs 17 or newer: /)
  })

  it('plays on existing servers repeatedly, with a scenario of its own each time', async () => {
    const [database, smtp] = await Promise.all([freshDatabase(), startSmtpSink()])
    const servers = { DEMO_KAFKA_BROKERS: inject('kafkaBootstrap').join(','), DEMO_DATABASE_URL: database.url, DEMO_SMTP_URL: smtp.url }
    try {
      for (const _ of ['first', 'second']) {
        const report = reportOf(await runDemo(['--once', '--events', '60', '--json', '--existing'], servers))
        expect(report).toMatchObject({ events: 60, acknowledged: 60, positions: { wrong: 0 }, lag: nothing })
      }
      expect(smtp.counters.mails).toBeGreaterThan(60)
      const plan = await runWorkerctl(['topics', 'plan', '--json'], {
        KAFKA_BROKERS: servers.DEMO_KAFKA_BROKERS,
        KAFKA_TOPIC: 'domain-events-demo',
        KAFKA_GROUP_PREFIX: 'demo-',
        DATABASE_URL: database.url,
      })
      const letters = JSON.parse(plan.out).topics.filter(({ of }: { of: string }) => of === 'dead-letters')
      expect(letters).not.toEqual([])
      expect(letters.filter(({ action }: { action: string }) => action !== 'keep')).toEqual([])
    } finally {
      await Promise.all([database.drop(), smtp.stop()])
    }
  })

  it('refuses a database with rows that it did not write, and does not change it', async () => {
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
        stderr: expect.stringMatching(
          /\nDEMO_DATABASE_URL names a database with tables or rows of a platform that the demo did not write: use an empty database\.\n$/,
        ),
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
    [['--once', '--events', 'many'], 'Give a whole number from 1 to 999999999.'],
  ])('names the error in %j', async (args, sentence) => {
    const { stdout, stderr, code } = await runDemo(args)
    expect(code).toBe(1)
    expect(stdout).toBe('')
    expect(stderr).toContain(sentence)
    expect(stderr).not.toContain('    at ')
  })
})
