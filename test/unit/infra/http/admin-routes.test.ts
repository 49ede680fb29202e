import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { createAdminRoutes, quietVerbs, type AdminRoutesOptions } from '../../../../src/infra/http/admin-routes.ts'

const token = 'a-token-of-some-length'
const running: Server[] = []
afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => new Promise((resolve) => server.close(resolve).closeAllConnections())))
})

/** A server whose connections come from `from`. */
async function serve(options: Partial<AdminRoutesOptions> = {}, from = '127.0.0.1') {
  const calls: boolean[] = []
  const verbs = { ...quietVerbs((on) => calls.push(on)), fail: () => Promise.reject(new Error('someone@example.com')), ...options.verbs }
  const failures: string[] = []
  const onFailed = (verb: string, error: unknown) => void failures.push(`${verb}: ${String(error)}`)
  const routes = createAdminRoutes({ token, access: 'loopback', onFailed, ...options, verbs })
  const server = createServer((request, response) => {
    Object.defineProperty(request.socket, 'remoteAddress', { value: from, configurable: true })
    void routes(request, response)
  })
  running.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a server on a port has an address of this kind
  const { port } = server.address() as AddressInfo
  const post = async (path: string, { authorization = `Bearer ${token}`, method = 'POST', body = '', type = 'application/json' } = {}) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      method,
      headers: { authorization, 'content-type': type },
      ...(body === '' ? {} : { body }),
    })
    return { status: response.status, text: await response.text(), headers: response.headers }
  }
  return { post, calls, routes, failures }
}

describe('the admin verbs', () => {
  it('quiet and unquiet do what they say, however often, with the token, and nothing when fields are given', async () => {
    const { post, calls } = await serve()
    for (const [path, on, body] of [
      ['/admin/quiet', true, ''],
      ['/admin/quiet?now', true, ' {} '],
      ['/admin/unquiet', false, '{}'],
    ] as const) {
      const { status, text } = await post(path, { body })
      expect([status, JSON.parse(text)]).toEqual([200, { quiet: on }])
    }
    for (const verb of ['quiet', 'unquiet']) {
      const { status, text } = await post(`/admin/${verb}`, { body: '{"group":"email-workers"}' })
      const error = `/admin/${verb} takes no fields, and nothing was done: send it without a body.`
      expect([status, JSON.parse(text)]).toEqual([400, { error }])
    }
    expect(calls).toEqual([true, true, false])
  })

  it('are refused with a sentence where no token is configured, whatever is shown', async () => {
    const { post, calls, routes } = await serve({ token: undefined, access: 'public' })
    expect(routes.paths).toEqual([])
    for (const authorization of ['', 'Bearer', 'Bearer undefined', `Bearer ${token}`]) {
      const { status, text } = await post('/admin/quiet', { authorization })
      expect([status, text]).toEqual([403, '{"error":"The admin verbs are off: set ADMIN_TOKEN and restart."}\n'])
    }
    expect(calls).toEqual([])
  })

  it.each(['', 'Bearer', `Bearer ${token}x`, `Bearer ${token.slice(1)}`, `Basic ${token}`, token, 'Bearer another'])(
    'are refused with 401 and the scheme for the header "%s"',
    async (authorization) => {
      const { post, calls } = await serve()
      const { status, headers, text } = await post('/admin/quiet', { authorization })
      expect([status, headers.get('www-authenticate')]).toEqual([401, 'Bearer'])
      expect(text).not.toContain(token)
      // Without the token no answer shows which verbs exist.
      expect((await post('/admin/nothing', { authorization })).status).toBe(401)
      expect(calls).toEqual([])
    },
  )

  it.each([
    ['10.0.0.9', 'loopback', 403],
    ['::ffff:10.0.0.9', 'loopback', 403],
    ['2001:db8::1', 'loopback', 403],
    ['::1', 'loopback', 200],
    ['::ffff:127.0.0.1', 'loopback', 200],
    ['10.0.0.9', 'public', 200],
  ] as const)('answer a connection from %s under ADMIN_ACCESS=%s with %i', async (from, access, expected) => {
    const { post, calls } = await serve({ access }, from)
    const { status } = await post('/admin/quiet')
    expect([status, calls.length]).toEqual([expected, expected === 200 ? 1 : 0])
  })

  it('are POST only, known by name, and take a small object of JSON', async () => {
    const { post, calls } = await serve()
    const got = await post('/admin/quiet', { method: 'GET' })
    expect([got.status, got.headers.get('allow')]).toEqual([405, 'POST'])
    for (const path of ['/admin/', '/admin/QUIET', '/admin/constructor', '/admin/__proto__', '/admin/quiet/now']) {
      const { status, text } = await post(path)
      expect([status, text]).toEqual([404, '{"error":"Not found; the admin verbs are /admin/quiet, /admin/unquiet, /admin/fail."}\n'])
    }
    expect((await post('/admin/quiet', { body: 'hidden' })).text).toBe('{"error":"The body must be one JSON object, or empty."}\n')
    expect((await post('/admin/quiet', { body: '[]' })).status).toBe(400)
    for (const type of ['application/x-www-form-urlencoded', 'text/plain;charset=UTF-8', 'application/jsonp']) {
      const { status, text } = await post('/admin/quiet', { body: '{}', type })
      expect([status, text]).toEqual([
        415,
        '{"error":"The Content-Type must be application/json: curl sends it with --json in place of -d."}\n',
      ])
    }
    expect((await post('/admin/quiet', { body: `{"a":"${'x'.repeat(5_000)}"}` })).status).toBe(413)
    expect(calls).toEqual([])
  })

  it('give the answer of a verb, its refusal, and 503 without the thrown text when it fails, which is reported', async () => {
    const { post, failures } = await serve({
      verbs: {
        later: async () => ({ status: 503, refused: 'Kafka does not answer.' }),
        pause: async ({ group }) => (group === 'a' ? { done: { paused: group } } : { status: 409, refused: 'Already paused.' }),
      },
    })
    expect((await post('/admin/pause', { body: '{"group":"a"}' })).text).toBe('{"paused":"a"}\n')
    expect(await post('/admin/pause')).toMatchObject({ status: 409, text: '{"error":"Already paused."}\n' })
    const later = await post('/admin/later')
    expect([later.status, later.headers.get('retry-after'), later.text]).toEqual([503, '5', '{"error":"Kafka does not answer."}\n'])
    const failed = await post('/admin/fail')
    expect(failed.status).toBe(503)
    expect(failed.text).not.toContain('@')
    expect(failures).toEqual(['fail: Error: someone@example.com'])
  })
})
