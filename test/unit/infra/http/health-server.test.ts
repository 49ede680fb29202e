import { connect } from 'node:net'
import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { createAdminRoutes, quietVerbs, type AdminRoutes } from '../../../../src/infra/http/admin-routes.ts'
import { startHealthServer } from '../../../../src/infra/http/health-server.ts'
import type { HealthReport, HealthServer } from '../../../../src/infra/http/health-server.ts'
import { OperatorError } from '../../../../src/std/failure.ts'

const well: HealthReport = { ok: true, checks: { loop: { ok: true } } }
const unwell: HealthReport = { ok: false, checks: { kafka: { ok: false, reason: 'position-workers has not joined its group yet' } } }

const running: HealthServer[] = []
afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.close()))
})

async function start(
  options: { ready?: () => HealthReport; metrics?: () => Promise<string>; port?: number; admin?: AdminRoutes } = {},
): Promise<HealthServer> {
  const server = await startHealthServer({
    host: '127.0.0.1',
    port: options.port ?? 0,
    live: () => well,
    ready: options.ready ?? (() => well),
    status: async () => ({ groups: {} }),
    lag: async () => ({ groups: { 'email-workers': { lag: 9007199254740993n } } }),
    metrics: options.metrics ?? (() => Promise.resolve('up 1\n')),
    ...(options.admin && { admin: options.admin }),
  })
  running.push(server)
  return server
}

const rejecting = () => Promise.reject(new Error('someone@example.com'))

describe('the health server', () => {
  it('answers 200 when healthy', async () => {
    const { url, port } = await start()
    expect(url).toBe(`http://127.0.0.1:${port}`)
    for (const path of ['/livez', '/readyz', '/readyz?verbose']) {
      const response = await fetch(`${url}${path}`)
      expect(response.status).toBe(200)
      expect(await response.json()).toEqual(well)
    }
  })

  it('says why the process is not ready, while it is alive', async () => {
    const { url } = await start({ ready: () => unwell })
    const response = await fetch(`${url}/readyz`)
    expect(response.status).toBe(503)
    expect(response.headers.get('content-type')).toContain('application/json')
    expect(await response.json()).toEqual(unwell)
    expect((await fetch(`${url}/livez`)).status).toBe(200)
  })

  it('serves metrics as Prometheus reads them', async () => {
    const response = await fetch(`${(await start()).url}/metrics`)
    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
    expect(await response.text()).toBe('up 1\n')
  })

  it('serves the lag, with numbers that keep their precision', async () => {
    const response = await fetch(`${(await start()).url}/lag`)
    expect([response.status, await response.json()]).toEqual([200, { groups: { 'email-workers': { lag: '9007199254740993' } } }])
  })

  it('serves the status for people', async () => {
    const response = await fetch(`${(await start()).url}/status`)
    expect([response.status, await response.json()]).toEqual([200, { groups: {} }])
  })

  it('answers HEAD without a body, other paths with 404 and other methods with 405', async () => {
    const { url } = await start()
    const head = await fetch(`${url}/readyz`, { method: 'HEAD' })
    expect([head.status, await head.text()]).toEqual([200, ''])
    const found = await fetch(`${url}/`)
    expect([found.status, await found.json()]).toEqual([
      404,
      { error: 'Not found; the paths are /livez, /readyz, /status, /lag and /metrics.' },
    ])
    const admin = createAdminRoutes({
      token: 'token-of-some-length',
      access: 'loopback',
      verbs: quietVerbs(() => undefined),
      onFailed: () => undefined,
    })
    expect(await (await fetch(`${(await start({ admin })).url}/admin`)).json()).toEqual({
      error: 'Not found; the paths are /livez, /readyz, /status, /lag and /metrics, and with POST /admin/quiet, /admin/unquiet.',
    })
    const post = await fetch(`${url}/livez`, { method: 'POST', body: 'x' })
    expect([post.status, post.headers.get('allow')]).toEqual([405, 'GET, HEAD'])
  })

  it('answers 500 without the error message, and continues', async () => {
    const { url } = await start({ metrics: rejecting })
    const response = await fetch(`${url}/metrics`)
    expect(response.status).toBe(500)
    expect(await response.text()).not.toContain('example.com')
    expect((await fetch(`${url}/livez`)).status).toBe(200)
  })

  it('names a taken port and the variable', async () => {
    const { port } = await start()
    await expect(start({ port })).rejects.toThrow(OperatorError)
    await expect(start({ port })).rejects.toThrow(new RegExp(`^Port ${port} .*HTTP_PORT`))
  })

  it('closes at once despite kept-alive and half-open connections', async () => {
    const server = await start()
    const agent = new Agent({ keepAlive: true })
    const sent = request(`${server.url}/livez`, { agent }).end()
    const [response] = await once(sent, 'response')
    response.resume()
    await once(response, 'end')
    const half = connect(server.port, '127.0.0.1')
    half.on('error', () => {
      // The server cuts this connection; how the cut looks here is of no interest.
    })
    const gone = new Promise((resolve) => half.on('close', resolve))
    await once(half, 'connect')
    half.write('GET /livez HTTP/1.1\r\n')
    // Node itself would wait for a minute for the rest of the half request.
    const closing = server.close()
    expect(server.close()).toBe(closing)
    await closing
    await gone
    agent.destroy()
  })
})
