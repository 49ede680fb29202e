import { createServer, type RequestListener, type Server } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { queryDaemon } from '../../../cmd/kafka-worker/healthcheck.mts'

const servers: Server[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
})

/** What the check says of a server that answers like this. */
async function verdictOn(answer: RequestListener, path: '/livez' | '/readyz' = '/readyz', deadlineMs = 5_000) {
  const server = createServer(answer)
  servers.push(server)
  const port = await new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      resolve(typeof address === 'object' && address !== null ? address.port : 0)
    })
  })
  const verdict = await queryDaemon({ HTTP_PORT: String(port) }, path, deadlineMs)
  return { ...verdict, sentences: verdict.sentences.map((sentence) => sentence.replace(String(port), 'PORT')) }
}

const says =
  (status: number, body: unknown): RequestListener =>
  (_request, response) =>
    void response.writeHead(status).end(typeof body === 'string' ? body : JSON.stringify(body))

describe('healthcheck', () => {
  it('succeeds when the daemon is healthy', async () => {
    const well = says(200, { ok: true, checks: { process: { ok: true } } })
    expect(await verdictOn(well)).toEqual({ ok: true, sentences: ['ready'] })
    expect(await verdictOn(well, '/livez')).toEqual({ ok: true, sentences: ['alive'] })
  })

  it('prints every failed check, and no other', async () => {
    const checks = {
      process: { ok: true },
      database: { ok: false, reason: 'database-away', message: 'It does not answer.', since: '2030-01-01T00:00:00.000Z' },
      'email-workers': { ok: false, reason: 'waiting' },
    }
    expect(await verdictOn(says(503, { ok: false, checks }))).toEqual({
      ok: false,
      sentences: ['database: database-away: It does not answer. (since 2030-01-01T00:00:00.000Z)', 'email-workers: waiting'],
    })
  })

  it.each<[string, RequestListener, string]>([
    ['another program', says(200, '<html>'), 'Another program answers at 127.0.0.1:PORT: /readyz returned 200 and no report of kafka-worker.'],
    ['another API', says(200, { ok: 'yes', checks: [] }), 'Another program answers at 127.0.0.1:PORT: /readyz returned 200 and no report of kafka-worker.'],
    ['an endless answer', says(200, 'x'.repeat(1_000_000)), 'Nothing answers at 127.0.0.1:PORT (response too long): the daemon is not running, or uses another HTTP_HOST and HTTP_PORT.'],
  ])('is not taken in by %s', async (_, answer, sentence) => {
    expect(await verdictOn(answer)).toEqual({ ok: false, sentences: [sentence] })
  }) // prettier-ignore

  it.each<[string, RequestListener]>([
    ['no answer', () => undefined],
    ['half an answer', (_request, response) => void response.writeHead(200).write('{')],
  ])('gives up on %s', async (_, answer) => {
    const { ok, sentences } = await verdictOn(answer, '/livez', 100)
    expect({ ok, sentences }).toEqual({
      ok: false,
      sentences: ['The daemon at 127.0.0.1:PORT has not answered within 100 ms: it is overloaded or suspended.'],
    })
  })

  it('reports in one sentence that nothing answers', async () => {
    const port = await new Promise<number>((resolve) => {
      const server = createServer().listen(0, '127.0.0.1', () => {
        const address = server.address()
        server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
      })
    })
    for (const HTTP_HOST of ['127.0.0.1', '0.0.0.0', '']) {
      const { ok, sentences } = await queryDaemon({ HTTP_HOST, HTTP_PORT: String(port) }, '/livez', 5_000)
      expect({ ok, sentences }).toEqual({
        ok: false,
        sentences: [
          `Nothing answers at 127.0.0.1:${port} (ECONNREFUSED): the daemon is not running, or uses another HTTP_HOST and HTTP_PORT.`,
        ],
      })
    }
    expect((await queryDaemon({ HTTP_PORT: '0' }, '/livez', 5_000)).sentences).toEqual([expect.stringMatching(/^HTTP_PORT is 0, /)])
    expect((await queryDaemon({ HTTP_PORT: 'x' }, '/livez', 5_000)).sentences).toEqual([expect.stringMatching(/^HTTP_PORT: "x" is not /)])
  })
})
