import { afterAll, beforeAll, expect, test } from 'vitest'
import { startPostgres, type PostgresServer } from '../../stack/postgres-server.ts'
import { eventually } from '../support/eventually.ts'
import { Platform } from '../support/platform.ts'
import { createFixture } from '../support/fixture.ts'
import { doubledMails, createMixedEvents, wrongPositions } from '../support/mixed-events.ts'

let server: PostgresServer
beforeAll(async () => {
  server = await startPostgres()
})
afterAll(async () => server.stop())

test('PostgreSQL stopped and started under load: the daemon waits, is unready and live, and loses and doubles nothing', async () => {
  await using fixture = await createFixture({ databaseUrl: await server.createDatabase('restarted') })
  const mixed = await createMixedEvents(new Platform(fixture.sql), fixture, 1_000)
  const daemon = fixture.daemon()
  await daemon.ready()
  const half = mixed.events.length / 2
  await fixture.publisher.publishMany(mixed.events.slice(0, half))
  await eventually('the daemon is in mid-stream', () => fixture.smtp.counters.mails > 100 || String(fixture.smtp.counters.mails))

  await server.halt('immediate')
  await fixture.publisher.publishMany(mixed.events.slice(half))
  await eventually('it is not ready and says why', async () => {
    const response = await fetch(`${daemon.url()}/readyz`)
    return (response.status === 503 && (await response.text()).includes('database')) || String(response.status)
  })
  expect((await fetch(`${daemon.url()}/livez`)).status).toBe(200)
  await server.resume()
  await daemon.ready()
  await fixture.drained()

  const [ambiguous] = await fixture.sql.query<{ count: number }>('SELECT count(*)::int AS count FROM worker.intents WHERE ambiguous > 0')
  expect(new Set(fixture.smtp.mails.map(({ messageId }) => messageId)).size).toBe(mixed.mails)
  expect(doubledMails(fixture).length).toBeLessThanOrEqual(ambiguous?.count ?? 0)
  expect(await wrongPositions(fixture, 3)).toEqual([])
  expect(await fixture.sql.query('SELECT reason FROM worker.dead_letters')).toEqual([])
})
