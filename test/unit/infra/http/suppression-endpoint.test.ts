import { request } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { startHealthServer, type HealthServer } from '../../../../src/infra/http/health-server.ts'
import { createSuppressionEndpoint, type SuppressionEndpointOptions } from '../../../../src/infra/http/suppression-endpoint.ts'

const token = 'a-token-for-this-test-alone'
const account_id = '00000000-0000-4000-8000-00000000000a'
const suppression = { account_id, address: 'Ann@example.com', reason: 'unsubscribed' }

const well = () => ({ ok: true, checks: {} })

const running: HealthServer[] = []
afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.close()))
})

async function start(unsubscribe: SuppressionEndpointOptions['unsubscribe'] = async () => 'recorded') {
  const recorded: unknown[] = []
  const server = await startHealthServer({
    host: '127.0.0.1',
    port: 0,
    live: well,
    ready: well,
    status: async () => ({}),
    lag: async () => ({}),
    metrics: async () => '',
    suppressions: createSuppressionEndpoint({
      token,
      unsubscribe: async (of) => {
        recorded.push(of)
        return unsubscribe(of)
      },
    }),
  })
  running.push(server)
  const post = (body: unknown, headers: Record<string, string> = { authorization: `Bearer ${token}` }) =>
    fetch(`${server.url}/suppressions`, { method: 'POST', headers, body: typeof body === 'string' ? body : JSON.stringify(body) })
  return { server, recorded, post }
}

describe('POST /suppressions', () => {
  it.each(['Bearer ', 'bearer ', 'BEARER  ', 'bEaReR   '])('accepts the token after "%s" (RFC 9110)', async (scheme) => {
    const { post, recorded } = await start()
    expect((await post(suppression, { authorization: `${scheme}${token}` })).status).toBe(204)
    expect(recorded).toHaveLength(1)
  })

  it('records an unsubscription', async () => {
    const { post, recorded } = await start()
    const response = await post(suppression)
    expect([response.status, await response.text()]).toEqual([204, ''])
    expect(recorded).toEqual([{ accountId: account_id, address: 'Ann@example.com' }])
  })

  it.each([
    {},
    { authorization: 'Bearer another-token-of-equal-size' },
    { authorization: token },
    { authorization: `Basic ${token}` },
    { authorization: `Bearer${token}` },
    { authorization: 'Bearer' },
    { authorization: `Bearer ${token} ${token}` },
    { authorization: `Bearer ${token}x` },
  ])('refuses requests without the token (%o)', async (headers: Record<string, string>) => {
    const { post, recorded } = await start()
    const response = await post(suppression, headers)
    expect(response.status).toBe(401)
    expect(response.headers.get('www-authenticate')).toBe('Bearer')
    expect(recorded).toEqual([])
  })

  it.each([
    ['not json', 'JSON object'],
    ['[]', 'JSON object'],
    ['null', 'JSON object'],
    [{ ...suppression, account_id: 'x' }, 'account_id'],
    [{ ...suppression, account_id: undefined }, 'account_id'],
    [{ ...suppression, address: 'Ann' }, 'address'],
    [{ ...suppression, address: 'ann@example.com\r\nx@example.org' }, 'address'],
    [{ ...suppression, address: ['ann@example.com'] }, 'address'],
    [{ ...suppression, reason: 'bounced' }, 'reason'],
  ])('refuses %j with a sentence that repeats nothing of it', async (body, named) => {
    const { post, recorded } = await start()
    const response = await post(body)
    expect(response.status).toBe(400)
    const text = await response.text()
    expect(JSON.parse(text)).toEqual({ error: expect.stringContaining(named) })
    expect(text).not.toMatch(/ann|example/i)
    expect(recorded).toEqual([])
  })

  it('reads no more than it needs', async () => {
    const { post, recorded } = await start()
    expect((await post({ ...suppression, more: 'x'.repeat(5_000) })).status).toBe(413)
    expect(recorded).toEqual([])
  })

  it('says when the account does not exist, and when the database does not answer', async () => {
    expect((await (await start(async () => 'unknown-account')).post(suppression)).status).toBe(404)
    const failing = await start(() => Promise.reject(new Error('ann@example.com')))
    const response = await failing.post(suppression)
    expect([response.status, await response.text()]).toEqual([503, expect.not.stringContaining('ann')])
  })

  it('accepts no other method, and does not exist unless it is configured', async () => {
    const { server } = await start()
    const get = await fetch(`${server.url}/suppressions`)
    expect([get.status, get.headers.get('allow')]).toEqual([405, 'POST'])
    const plain = await startHealthServer({
      host: '127.0.0.1',
      port: 0,
      live: well,
      ready: well,
      status: async () => ({}),
      lag: async () => ({}),
      metrics: async () => '',
    })
    running.push(plain)
    expect((await fetch(`${plain.url}/suppressions`)).status).toBe(404)
    expect((await fetch(`${plain.url}/suppressions`, { method: 'POST', body: '{}' })).status).toBe(405)
  })

  it('survives a client that disconnects in the middle of a request', async () => {
    const { server, post } = await start()
    const headers = { authorization: `Bearer ${token}`, 'content-length': '100' }
    const half = request(`${server.url}/suppressions`, { method: 'POST', headers })
    half.on('error', () => undefined)
    half.write('{', () => half.destroy())
    expect((await post(suppression)).status).toBe(204)
  })
})
