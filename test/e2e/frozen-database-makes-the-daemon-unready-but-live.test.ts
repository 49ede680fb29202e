import { execFile } from 'node:child_process'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { variableNames } from '../../config/variables.ts'
import { daemonCommand } from '../../stack/daemon-command.ts'
import { freePorts } from '../../stack/free-port.ts'
import { startPostgres, type PostgresServer } from '../../stack/postgres-server.ts'
import { cleanEnvironment } from '../../stack/worker-environment.ts'
import { eventually } from '../support/eventually.ts'
import { createFixture } from '../support/fixture.ts'

let server: PostgresServer
beforeAll(async () => {
  server = await startPostgres()
})
afterAll(async () => server.stop())

/** `healthcheck` as a container runs it, with the daemon's own configuration. */
function healthcheck(port: number, ...args: readonly string[]): Promise<{ code: number | null; out: string; err: string; ms: number }> {
  const env = cleanEnvironment({ HTTP_HOST: '127.0.0.1', HTTP_PORT: String(port) }, variableNames)
  const start = daemonCommand()
  const startedAt = performance.now()
  return new Promise((resolve) => {
    const child = execFile(start.command, [...start.args, 'healthcheck', ...args], { env }, (_error, out, err) => {
      resolve({ code: child.exitCode, out, err, ms: Math.round(performance.now() - startedAt) })
    })
  })
}

test('a frozen PostgreSQL: /readyz and healthcheck name the cause and its begin, /livez stays ok; work continues afterwards, and healthcheck reports a stopped daemon', async () => {
  await using fixture = await createFixture({ partitions: 1, databaseUrl: await server.createDatabase('frozen') })
  const [port = 0] = await freePorts(1)
  const daemon = fixture.daemon({ HTTP_PORT: String(port), LIVENESS_STALL_MS: '1000', DATABASE_STATEMENT_TIMEOUT_MS: '5000' })
  await daemon.ready()
  const well = await healthcheck(port)
  expect(well).toMatchObject({ code: 0, out: 'alive\n', err: '' })
  console.log(`healthcheck: ${well.ms} ms`)
  expect(await healthcheck(port, '--ready')).toMatchObject({ code: 0, out: 'ready\n', err: '' })

  // Figures that the last scrape before the fault counts.
  await fixture.sql.query(
    `INSERT INTO worker.intents (group_name, kind, version, channel, key, due_at, campaign_id)
     SELECT $1, 'mail', 1, 'email', 'later:' || n, now() + interval '1 day', gen_random_uuid() FROM generate_series(1, 3) AS n`,
    [fixture.group('email-workers')],
  )
  await eventually('they are counted', async () => {
    const text = await daemon.metrics()
    return /^kafka_worker_intents_pending\{.*state="waiting"\} 3$/m.test(text) || text.slice(0, 500)
  })
  const backends = async () => (await fixture.sql.query<{ pid: number }>('SELECT pid FROM pg_stat_activity')).map(({ pid }) => pid)
  // Leaves a connection open for a query after the postmaster stops accepting new ones.
  await backends()
  const frozen = [server.pid() ?? 0]
  try {
    process.kill(frozen[0] ?? 0, 'SIGSTOP')
    frozen.push(...(await backends()))
    for (const pid of frozen.slice(1)) process.kill(pid, 'SIGSTOP')
    // Not noticed yet: the scrape waits for the count, and gives up before Prometheus does.
    const first = await fetch(`${daemon.url()}/metrics`, { signal: AbortSignal.timeout(10_000) })
    expect(await first.text()).toMatch(/^kafka_worker_intents_pending\{.*state="waiting"\} 3$/m)
    await eventually('it is not ready', async () => {
      const response = await fetch(`${daemon.url()}/readyz`)
      const text = await response.text()
      return (response.status === 503 && text.includes('"reason":"database-away"') && /"since":"2\d{3}-/.test(text)) || text
    })
    // Scrapes answer with what is known, several at a time, and readiness says the same with and without them.
    const scrapes = await Promise.all(Array.from({ length: 5 }, () => daemon.metrics()))
    for (const text of scrapes) {
      expect(text).toMatch(/^kafka_worker_ready 0$/m)
      expect(text).toMatch(/^kafka_worker_live 1$/m)
      expect(Number(/^kafka_worker_intents_count_age_seconds (.*)$/m.exec(text)?.[1])).toBeGreaterThan(1)
      expect(text).toMatch(/^kafka_worker_intents_pending\{.*state="waiting"\} 3$/m)
    }
    expect(await healthcheck(port, '--ready')).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringMatching(
        /^database: database-away: The (database has not answered for 5 s|connection to the database failed: [^\n]*)\. \(since 2\d{3}-[^)]*\)\n/,
      ),
    })
    // 5 s for a connection, 10 s for a statement of the delivery pool, 5 s of margin, and the grace: by then a stall would be reported.
    await eventually('the database has been away for longer than every deadline', async () => {
      const live = await fetch(`${daemon.url()}/livez`)
      expect([live.status, await live.text()]).toEqual([200, expect.stringMatching(/^\{"ok":true/)])
      const since = /"since":"([^"]*)"/.exec(await (await fetch(`${daemon.url()}/readyz`)).text())?.[1]
      return Date.now() - Date.parse(since ?? '') > 25_000 || String(since)
    })
    expect(await healthcheck(port, '--live')).toMatchObject({ code: 0, out: 'alive\n' })
  } finally {
    for (const pid of frozen) process.kill(pid, 'SIGCONT')
  }
  await daemon.ready()
  daemon.kill('SIGTERM')
  expect(await daemon.exited).toBe(0)
  expect(await healthcheck(port)).toMatchObject({
    code: 1,
    out: '',
    err: `Nothing answers at 127.0.0.1:${port} (ECONNREFUSED): the daemon is not running, or uses another HTTP_HOST and HTTP_PORT.\n`,
  })
})
