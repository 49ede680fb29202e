import { createServer, type Server } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { startHealthServer, type HealthReport, type HealthServer } from '../../../src/infra/http/health-server.ts'
import { createForwarder, forwardedVerbs } from '../../../src/supervisor/forward-request.ts'
import { createProcessReports } from '../../../src/supervisor/process-reports.ts'
import type { ProcessState } from '../../../src/supervisor/supervisor.ts'
import { createSuppressionEndpoint } from '../../../src/infra/http/suppression-endpoint.ts'
import { createManualClock } from '../../support/manual-clock.ts'

const well: HealthReport = { ok: true, checks: { process: { ok: true } } }
const running: HealthServer[] = []
afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.close()))
})

async function listening(name: string): Promise<ProcessState> {
  const server = await startHealthServer({
    host: '127.0.0.1',
    port: 0,
    live: () => well,
    ready: () => well,
    status: async () => ({ of: name }),
    lag: async () => ({ of: name }),
    metrics: async () => '# HELP kafka_worker_live Live.\n# TYPE kafka_worker_live gauge\nkafka_worker_live 1\n',
    suppressions: createSuppressionEndpoint({ token: 'secret', unsubscribe: async () => 'recorded' }),
  })
  running.push(server)
  return { name, pid: 7, port: server.port, startedAt: 0, restarts: 0, ended: null }
}

const absent = (name: string, state: Partial<ProcessState>): ProcessState => ({ name, pid: null, port: null, startedAt: 0, restarts: 2, ended: null, ...state }) // prettier-ignore

function reportsOf(processes: readonly ProcessState[], isStopping = false) {
  const clock = createManualClock()
  return { clock, ...createProcessReports({ processes: () => processes, isStopping: () => isStopping, stallMs: 300_000, clock }) }
}

describe('the reports of several processes', () => {
  it('are well when all answer so', async () => {
    const { live, ready, status } = reportsOf([await listening('1'), await listening('2')])
    expect(await live()).toEqual(well)
    expect(await ready()).toEqual(well)
    expect(await status()).toEqual({
      live: well,
      ready: well,
      processes: { 1: { pid: 7, restarts: 0, status: { of: '1' } }, 2: { pid: 7, restarts: 0, status: { of: '2' } } },
    })
  })

  it.each([
    [
      'has ended',
      { ended: { how: 'exit code 3', at: Date.UTC(2030, 0, 1) } },
      false,
      'restarting',
      'Ended (exit code 3) and is started again.',
    ],
    ['has stopped', { ended: { how: 'exit code 0', at: Date.UTC(2030, 0, 1) } }, true, 'stopping', 'Has stopped (exit code 0).'],
    ['loads', {}, false, 'booting', 'Loading its modules.'],
    ['has closed its port', { port: 1 }, false, 'restarting', 'Is ending.'],
  ])('fail readiness and not liveness for a process that %s', async (_, state, isStopping, reason, message) => {
    const { live, ready, status, metrics } = reportsOf([await listening('1'), absent('2', state)], isStopping)
    expect((await live()).ok).toBe(true)
    expect(await ready()).toEqual({
      ok: false,
      checks: { process: { ok: false, reason, message: `Process 2: ${message}`, since: '2030-01-01T00:00:00.000Z' } },
    })
    expect(await status()).toMatchObject({ processes: { 2: { restarts: 2, status: null } } })
    const text = await metrics()
    expect(text).toContain('kafka_worker_process_up{process="1"} 1\nkafka_worker_process_up{process="2"} 0')
    expect(text).toContain('kafka_worker_process_restarts_total{process="2"} 2')
    expect(text).toContain('kafka_worker_live{process="1"} 1\nkafka_worker_live{process="2"} 1')
    expect(text).toContain('kafka_worker_ready{process="2"} 0')
  })

  it('fail liveness for a process that has loaded for longer than work may stand still', async () => {
    const { clock, live } = reportsOf([absent('1', {})])
    clock.advance(300_000)
    expect((await live()).ok).toBe(true)
    clock.advance(1)
    expect(await live()).toMatchObject({ ok: false, checks: { process: { reason: 'stalled' } } })
  })
})

const post = async (processes: readonly ProcessState[], body: string, token = 'secret') => {
  const server = await startHealthServer({
    host: '127.0.0.1',
    port: 0,
    live: () => well,
    ready: () => well,
    status: async () => ({}),
    lag: async () => ({}),
    metrics: async () => '',
    suppressions: createForwarder({ processes: () => processes }),
  })
  running.push(server)
  const response = await fetch(`${server.url}/suppressions`, { method: 'POST', headers: { authorization: `Bearer ${token}` }, body })
  return { status: response.status, retryAfter: response.headers.get('retry-after'), text: await response.text() }
}

describe('a forwarded request', () => {
  const command = JSON.stringify({ account_id: crypto.randomUUID(), address: 'guest@example.com', reason: 'unsubscribed' })

  it('gets the answer of the first process that listens', async () => {
    const processes = [absent('1', {}), await listening('2')]
    expect(await post(processes, command)).toMatchObject({ status: 204, text: '' })
    expect(await post(processes, command, 'wrong')).toMatchObject({ status: 401 })
    expect(await post(processes, 'x'.repeat(100_000))).toMatchObject({ status: 413 })
  })

  it.each([
    ['no process listens', {}],
    ['the process has just ended', { port: 1 }],
  ])('gets 503 with a time when %s', async (_, state) => {
    expect(await post([absent('1', state)], command)).toMatchObject({ status: 503, retryAfter: '5' })
  })
})

async function listenOn(server: Server): Promise<number | null> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : null
}

describe('a verb that one process does for all', () => {
  it('is not known to be done where the process takes it and does not answer, and rejects where no connection is made', async () => {
    const [silent, closed] = [createServer(() => undefined), createServer()]
    const [port, unused] = await Promise.all([silent, closed].map(listenOn))
    await new Promise((resolve) => closed.close(resolve))
    try {
      const verbs = forwardedVerbs({ processes: () => [absent('1', { port: port ?? null })], token: 'token', deadlineMs: 100 })
      const unknown = 'It is not known whether this was done, because the process did not answer:'
      expect(await verbs.pause({})).toEqual({ status: 503, refused: `${unknown} GET /status shows the pauses.` })
      expect(await verbs.suppress({})).toEqual({ status: 503, refused: `${unknown} a suppression may be repeated.` })
    } finally {
      await new Promise((resolve) => silent.close(resolve).closeAllConnections())
    }
    const gone = forwardedVerbs({ processes: () => [absent('1', { port: unused ?? null })], token: 'token' })
    await expect(gone.pause({})).rejects.toThrow('fetch failed')
  })
})
