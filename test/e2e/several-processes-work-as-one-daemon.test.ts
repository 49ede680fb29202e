import { describe, expect, test } from 'vitest'
import { identifyProcess } from '../../stack/process-identity.ts'
import { startDaemon, type Daemon } from '../support/daemon.ts'
import { eventually } from '../support/eventually.ts'
import { createFixture } from '../support/fixture.ts'
import { createMixedEvents, doubledMails, wrongPositions } from '../support/mixed-events.ts'
import { Platform } from '../support/platform.ts'

const settings = {
  WORKER_PROCESSES: '2',
  MAIL_DEADLINE_MS: '1000',
  HTTP_TOKEN: 'a-token-of-this-test',
  ADMIN_TOKEN: 'admin-token-of-some-length',
}

/** Nothing answers there. */
const unreachable = {
  KAFKA_BROKERS: '127.0.0.1:1',
  DATABASE_URL: 'postgresql://worker@127.0.0.1:1/platform',
  SMTP_URL: 'smtp://127.0.0.1:1',
  MAIL_FROM: 'waitlist@example.com',
}

/** Process ids by the name of the process, of those that were started last. */
function pids(daemon: Daemon): ReadonlyMap<string, number> {
  const started = daemon.lines.filter(({ msg }) => msg === 'worker process started')
  return new Map(started.map((line) => [String(line['child']), Number(line['childPid'])]))
}

function pid(daemon: Daemon, name: string): number {
  const found = pids(daemon).get(name)
  if (found === undefined) throw new Error(`process ${name} was not started`)
  return found
}

/** The processes that still run, of all that were started. */
function running(daemon: Daemon): readonly number[] {
  return [...pids(daemon).values()].filter((one) => identifyProcess(one) !== undefined)
}

/** Kills what still runs at the end of a test: a process that outlived its supervisor would outlive the test, too. */
function killingTheRest(daemon: Daemon): Disposable {
  return { [Symbol.dispose]: () => running(daemon).forEach((one) => process.kill(one, 'SIGKILL')) }
}

/** Partitions of the group in the latest join of a process. */
function owned(daemon: Daemon, name: string, group: string): readonly number[] {
  const joined = daemon.lines.findLast((line) => line.msg === 'group joined' && line['group'] === group && line['process'] === name)
  const partitions = joined?.['partitions']
  return Array.isArray(partitions) ? partitions.map(Number) : []
}

function shared(daemon: Daemon, group: string): () => true | string {
  return () => {
    const shares = [owned(daemon, '1', group), owned(daemon, '2', group)]
    return (shares.every((share) => share.length === 2) && new Set(shares.flat()).size === 4) || JSON.stringify(shares)
  }
}

async function checks(daemon: Daemon, path: '/livez' | '/readyz'): Promise<{ readonly status: number; readonly body: string }> {
  const response = await fetch(`${daemon.url()}${path}`)
  return { status: response.status, body: await response.text() }
}

describe('WORKER_PROCESSES=2', () => {
  test('shares the partitions and serves one port; a killed process is restarted, and nothing is lost or doubled', async () => {
    await using fixture = await createFixture()
    const platform = new Platform(fixture.sql)
    const mixed = await createMixedEvents(platform, fixture, 1_000, 10)
    const group = fixture.group('email-workers')
    const daemon = fixture.daemon(settings)
    using _ = killingTheRest(daemon)
    await daemon.ready()
    await eventually('each process has its share', shared(daemon, group))

    const metrics = await daemon.metrics()
    for (const name of ['1', '2']) {
      expect(metrics).toContain(`kafka_worker_ready{process="${name}"} 1`)
      expect(metrics).toContain(`kafka_worker_process_restarts_total{process="${name}"} 0`)
    }
    expect(metrics.match(/^# TYPE kafka_worker_ready gauge$/gm)).toHaveLength(1)
    const status = JSON.stringify(await (await fetch(`${daemon.url()}/status`)).json())
    for (const name of ['1', '2'])
      expect(status).toContain(`"${name}":{"pid":${pid(daemon, name)},"restarts":0,"status":{"live":{"ok":true`)
    const post = (token: string) =>
      fetch(`${daemon.url()}/suppressions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}` },
        body: JSON.stringify({ account_id: '00000000-0000-4000-8000-000000000000', address: 'guest@example.com', reason: 'unsubscribed' }),
      })
    expect((await post('another-token')).status).toBe(401)
    expect(await (await post(settings.HTTP_TOKEN)).text()).toContain('There is no account with this account_id.')

    daemon.kill('SIGTSTP')
    await eventually('both are quiet', async () => {
      const { body } = await checks(daemon, '/readyz')
      return body.includes('"reason":"quiet","message":"Processes 1 and 2: Quiet by SIGTSTP') || body
    })
    daemon.kill('SIGCONT')
    await daemon.ready()
    const admin = (verb: string) =>
      fetch(`${daemon.url()}/admin/${verb}`, { method: 'POST', headers: { authorization: `Bearer ${settings.ADMIN_TOKEN}` } })
    expect((await admin('quiet')).status).toBe(200)
    await eventually('both are quiet again', async () => {
      const { body } = await checks(daemon, '/readyz')
      return body.includes('"reason":"quiet","message":"Processes 1 and 2: Quiet by') || body
    })
    expect((await admin('unquiet')).status).toBe(200)
    // One process does it for all.
    const ask = async (verb: string, body: object): Promise<unknown> => {
      const headers = { authorization: `Bearer ${settings.ADMIN_TOKEN}`, 'content-type': 'application/json' }
      return (await fetch(`${daemon.url()}/admin/${verb}`, { method: 'POST', headers, body: JSON.stringify(body) })).json()
    }
    const pause = { scope: 'channel', target: 'email', owner: 'ops', because: 'test', untilResumed: true }
    expect(await ask('pause', pause)).toMatchObject({ is: 'begun', pause: { target: 'email' } })
    expect(await ask('pause', pause)).toMatchObject({ error: expect.stringContaining('There is a pause already') })
    expect(await ask('resume', { scope: 'channel', target: 'email', owner: 'ops' })).toMatchObject({ ended: { target: 'email' } })
    await daemon.ready()

    await fixture.publisher.publishMany(mixed.events)
    await eventually('both are in mid-stream', () => fixture.smtp.counters.mails > 100 || String(fixture.smtp.counters.mails))
    const killed = pid(daemon, '1')
    process.kill(killed, 'SIGKILL')
    await eventually('it is restarted', () => pid(daemon, '1') !== killed || 'not yet')
    await daemon.ready()
    await fixture.drained()
    await eventually('each process has its share again', shared(daemon, group))

    const doubled = doubledMails(fixture)
    const [ambiguous] = await fixture.sql.query<{ count: number }>('SELECT count(*)::int AS count FROM worker.intents WHERE ambiguous > 0')
    expect(doubled.length).toBeLessThanOrEqual(ambiguous?.count ?? 0)
    expect(new Set(fixture.smtp.mails.map(({ messageId }) => messageId)).size).toBe(mixed.mails)
    expect(await wrongPositions(fixture, 3)).toEqual([])
    expect(await daemon.metrics()).toContain('kafka_worker_process_restarts_total{process="1"} 1')

    // As a terminal and some service managers do: each process gets the signal, and once more from the supervisor.
    process.kill(-daemon.pid, 'SIGTERM')
    expect(await daemon.exited).toBe(0)
    expect(running(daemon)).toEqual([])
    expect(daemon.lines.filter(({ msg }) => msg === 'stopped').map((line) => line['process'])).toEqual(
      expect.arrayContaining(['1', '2', 'supervisor']),
    )
  })

  test('a killed supervisor leaves no process behind: each drains and ends', async () => {
    await using fixture = await createFixture({ groups: ['email-workers'] })
    const daemon = fixture.daemon(settings)
    using _ = killingTheRest(daemon)
    await daemon.ready()
    expect(running(daemon)).toHaveLength(2)
    daemon.kill('SIGKILL')
    await eventually('no process is left', () => running(daemon).length === 0 || running(daemon).join())
    expect(await daemon.exited).toBe('SIGKILL')
    for (const name of ['1', '2']) expect(daemon.lines.findLast((line) => line['process'] === name)?.msg).toBe('stopped')
  })

  test('a frozen process fails liveness by its name, and a stop kills it after the grace period and exits with 2', async () => {
    await using daemon = startDaemon({ ...unreachable, ...settings, SHUTDOWN_GRACE_MS: '2000' })
    using _ = killingTheRest(daemon)
    await eventually('both listen', () => {
      const listening = daemon.lines.filter(({ msg }) => msg === 'health and metrics').map((line) => String(line['process']))
      return listening.includes('1') && listening.includes('2') ? true : listening.join()
    })
    process.kill(pid(daemon, '2'), 'SIGSTOP')
    const { status, body } = await checks(daemon, '/livez')
    expect({ status, body }).toEqual({
      status: 503,
      body: expect.stringContaining('"process":{"ok":false,"reason":"stalled","message":"Process 2: Has not answered within 2 s'),
    })
    const metrics = await daemon.metrics()
    expect(metrics).toContain('kafka_worker_live{process="1"} 1')
    expect(metrics).toContain('kafka_worker_live{process="2"} 0')
    daemon.kill('SIGTERM')
    expect(await daemon.exited).toBe(2)
    expect(running(daemon)).toEqual([])
  })

  test.each([
    ['unknown groups', { KAFKA_GROUPS: 'mice' }],
    ['a word for a number', { WORKER_PROCESSES: 'two' }],
  ])('a wrong configuration ends it as it ends one daemon (%s)', async (_case, wrong) => {
    await using daemon = startDaemon({ ...unreachable, ...settings, ...wrong })
    using _ = killingTheRest(daemon)
    expect(await daemon.exited).toBe(1)
    expect(daemon.other).toHaveLength(1)
    expect(daemon.other[0]).toMatch(/^(KAFKA_GROUPS|WORKER_PROCESSES)/)
    expect(daemon.lines.filter(({ level }) => level !== 'info')).toEqual([])
  })

  test('a start that is given up by one process ends all with exit code 1', async () => {
    await using daemon = startDaemon({ ...unreachable, ...settings, BOOT_TIMEOUT_MS: '1000' })
    using _ = killingTheRest(daemon)
    expect(await daemon.exited).toBe(1)
    expect(running(daemon)).toEqual([])
    expect(daemon.lines.find(({ level }) => level === 'fatal')?.msg).toContain('given up after BOOT_TIMEOUT_MS (1000)')
  })
})

test('WORKER_PROCESSES=1 runs the daemon itself, without another process', async () => {
  await using daemon = startDaemon({ ...unreachable, WORKER_PROCESSES: '1' })
  await eventually('it starts', () => daemon.lines.some(({ msg }) => msg === 'health and metrics') || 'no line yet')
  expect(daemon.lines.filter((line) => 'process' in line || line['pid'] !== daemon.pid)).toEqual([])
  daemon.kill('SIGTERM')
  expect(await daemon.exited).toBe(0)
})
