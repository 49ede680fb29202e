import { afterAll, beforeAll, expect, test } from 'vitest'
import { startPostgres, type PostgresServer } from '../../stack/postgres-server.ts'
import { eventually } from '../support/eventually.ts'
import { Platform } from '../support/platform.ts'
import { setScene } from '../support/scene.ts'
import { doubledMails, mixedStory, wrongPositions } from '../support/story.ts'

let server: PostgresServer
beforeAll(async () => {
  server = await startPostgres()
})
afterAll(async () => server.stop())

test('PostgreSQL stopped and started in mid-stream: the daemon waits, is not ready, stays alive, and loses and doubles nothing', async () => {
  await using scene = await setScene({ databaseUrl: await server.createDatabase('restarted') })
  const story = await mixedStory(new Platform(scene.sql), scene, 1_000)
  const daemon = scene.daemon()
  await daemon.ready()
  const half = story.events.length / 2
  await scene.publisher.publishMany(story.events.slice(0, half))
  await eventually('the daemon is in mid-stream', () => scene.smtp.counters.mails > 100 || String(scene.smtp.counters.mails))

  await server.halt('immediate')
  await scene.publisher.publishMany(story.events.slice(half))
  await eventually('it is not ready and says why', async () => {
    const response = await fetch(`${daemon.url()}/readyz`)
    return (response.status === 503 && (await response.text()).includes('database')) || String(response.status)
  })
  expect((await fetch(`${daemon.url()}/livez`)).status).toBe(200)
  await server.resume()
  await daemon.ready()
  await scene.settled()

  const [ambiguous] = await scene.sql.query<{ count: number }>('SELECT count(*)::int AS count FROM worker.intents WHERE ambiguous = 1')
  expect(new Set(scene.smtp.mails.map(({ messageId }) => messageId)).size).toBe(story.mails)
  expect(doubledMails(scene).length).toBeLessThanOrEqual(ambiguous?.count ?? 0)
  expect(await wrongPositions(scene, 3)).toEqual([])
  expect(await scene.sql.query('SELECT reason FROM worker.dead_letters')).toEqual([])
})
