import { createServer, type RequestListener, type Server } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { askDaemon } from '../../../cmd/kafka-worker/healthcheck.mts'

const servers: Server[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
})

/** What the check says of a server that answers like this. */
async function asked(answer: RequestListener, path: '/livez' | '/readyz' = '/readyz', deadlineMs = 5_000) {
  const server = createServer(answer)
  servers.push(server)
  const port = await new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      resolve(typeof address === 'object' && address !== null ? address.port : 0)
    })
  })
  const verdict = await askDaemon({ HTTP_PORT: String(port) }, path, deadlineMs)
  return { ...verdict, sentences: verdict.sentences.map((sentence) => sentence.replace(String(port), 'PORT')) }
}

const says =
  (status: number, body: unknown): RequestListener =>
  (_request, response) =>
    void response.writeHead(status).end(typeof body === 'string' ? body : JSON.stringify(body))

describe('healthcheck', () => {
  it('is well when the daemon is', async () => {
    const well = says(200, { ok: true, checks: { process: { ok: true } } })
    expect(await asked(well)).toEqual({ ok: true, sentences: ['ready'] })
    expect(await asked(well, '/livez')).toEqual({ ok: true, sentences: ['alive'] })
  })

  it('prints each thing that is wrong, and nothing of what is right', async () => {
    const checks = {
      process: { ok: true },
      database: { ok: false, reason: 'database-away', message: 'It does not answer.', since: '2030-01-01T00:00:00.000Z' },
      'email-workers': { ok: false, reason: 'waiting' },
    }
    expect(await asked(says(503, { ok: false, checks }))).toEqual({
      ok: false,
      sentences: ['database: database-away: It does not answer. (since 2030-01-01T00:00:00.000Z)', 'email-workers: waiting'],
    })
  })

  it.each<[string, RequestListener, string]>([
    ['another program', says(200, '<html>'), 'What answers at 127.0.0.1:PORT is no daemon of ours: /readyz gave 200 and no report.'],
    ['another API', says(200, { ok: 'yes', checks: [] }), 'What answers at 127.0.0.1:PORT is no daemon of ours: /readyz gave 200 and no report.'],
    ['an endless answer', says(200, 'x'.repeat(1_000_000)), 'Nothing answers at 127.0.0.1:PORT (too long an answer): the daemon does not run, or not with this HTTP_HOST and HTTP_PORT.'],
  ])('is not taken in by %s', async (_, answer, sentence) => {
    expect(await asked(answer)).toEqual({ ok: false, sentences: [sentence] })
  }) // prettier-ignore

  it.each<[string, RequestListener]>([
    ['no answer', () => undefined],
    ['half an answer', (_request, response) => void response.writeHead(200).write('{')],
  ])('gives up on %s', async (_, answer) => {
    const { ok, sentences } = await asked(answer, '/livez', 100)
    expect({ ok, sentences }).toEqual({
      ok: false,
      sentences: ['The daemon at 127.0.0.1:PORT has not answered within 100 ms: it is overloaded or stopped.'],
    })
  })

  it('says it in one sentence when there is nobody to ask', async () => {
    const port = await new Promise<number>((resolve) => {
      const server = createServer().listen(0, '127.0.0.1', () => {
        const address = server.address()
        server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
      })
    })
    for (const HTTP_HOST of ['127.0.0.1', '0.0.0.0', '']) {
      const { ok, sentences } = await askDaemon({ HTTP_HOST, HTTP_PORT: String(port) }, '/livez', 5_000)
      expect({ ok, sentences }).toEqual({
        ok: false,
        sentences: [
          `Nothing answers at 127.0.0.1:${port} (ECONNREFUSED): the daemon does not run, or not with this HTTP_HOST and HTTP_PORT.`,
        ],
      })
    }
    expect((await askDaemon({ HTTP_PORT: '0' }, '/livez', 5_000)).sentences).toEqual([expect.stringMatching(/^HTTP_PORT is 0, /)])
    expect((await askDaemon({ HTTP_PORT: 'x' }, '/livez', 5_000)).sentences).toEqual([expect.stringMatching(/^HTTP_PORT: "x" is not /)])
  })
})
