import { afterAll, beforeAll, expect, test } from 'vitest'
import { startPostgres, type PostgresServer } from '../../stack/postgres-server.ts'
import type { Daemon } from '../support/daemon.ts'
import { eventually } from '../support/eventually.ts'
import { takeBaseCopy } from '../support/faults/base-copy.ts'
import { Platform } from '../support/platform.ts'
import { createFixture, type Fixture } from '../support/fixture.ts'

let server: PostgresServer
beforeAll(async () => {
  server = await startPostgres()
})
afterAll(async () => {
  await server.stop()
})

/** Every accepted offset is committed to Kafka. */
async function reported(fixture: Fixture): Promise<void> {
  await eventually('Kafka knows all progress', async () => {
    const rows = await fixture.sql.query<{ group_name: string; partition: number; next_offset: string }>(
      'SELECT group_name, partition, next_offset FROM worker.progress',
    )
    for (const { group_name, partition, next_offset } of rows) {
      const committed = (await fixture.admin.committed(group_name, fixture.topic)).get(partition)
      if (String(committed) !== next_offset) return `${group_name}/${partition}: ${committed} of ${next_offset}`
    }
    return true
  })
}

/** Places of outcomes that were accepted for the second time, `group/partition/offset`. */
async function recovered(fixture: Fixture): Promise<string[]> {
  return places(fixture, 'WHERE recovered')
}

async function places(fixture: Fixture, where = ''): Promise<string[]> {
  const rows = await fixture.sql.query<{ place: string }>(
    `SELECT group_name || '/' || partition || '/' || "offset" AS place FROM worker.outcomes ${where} ORDER BY 1`,
  )
  return rows.map(({ place }) => place)
}

/** Progress rows, `group/partition` to offset. */
async function rows(fixture: Fixture): Promise<ReadonlyMap<string, string>> {
  const found = await fixture.sql.query<{ place: string; next_offset: string }>(
    `SELECT group_name || '/' || partition AS place, next_offset FROM worker.progress`,
  )
  return new Map(found.map(({ place, next_offset }) => [place, next_offset]))
}

const alarms = (daemon: Daemon) =>
  daemon.lines.filter(({ msg }) => msg === 'database-behind-kafka').map((line) => `${String(line['group'])}/${String(line['partition'])}`)

async function recoveredTotal(daemon: Daemon): Promise<number> {
  const text = await daemon.metrics()
  return [...text.matchAll(/^kafka_worker_recovered_total\{.*\} (\d+)$/gm)].reduce((sum, [, count]) => sum + Number(count), 0)
}

test('a backup restored under a running daemon, and again before a start, is detected without a record; lost events are accepted again and marked', async () => {
  await using fixture = await createFixture({ databaseUrl: await server.createDatabase('set_back'), partitions: 2 })
  const platform = new Platform(fixture.sql)
  const campaign = await platform.campaign()
  const people = await platform.crowd(campaign, 60)
  const publish = (from: number, to: number) =>
    fixture.publisher.publishMany(people.slice(from, to).map((person) => ({ type: 'user.signed_up', ...campaign, ...person })))
  const daemon = fixture.daemon()
  await daemon.ready()
  await publish(0, 30)
  await fixture.drained()
  await using copy = await takeBaseCopy(server)
  const before = await places(fixture)
  const rowsBefore = await rows(fixture)
  await daemon.ready()
  expect(alarms(daemon)).toEqual([])

  await publish(30, 60)
  await fixture.drained()
  await reported(fixture)
  const all = await places(fixture)
  const lost = all.filter((place) => !before.includes(place))
  expect(lost).toHaveLength(30)
  // Two of the groups handle no sign-up: they have passed over them since, and go back all the same.
  const back = [...(await rows(fixture))].filter(([place, next]) => next !== rowsBefore.get(place)).map(([place]) => place)
  expect(back).toHaveLength(fixture.groups.length)

  await copy.restore()
  await eventually('what was lost is accepted again', async () => (await recovered(fixture)).length === lost.length || 'not yet')
  await daemon.ready()
  await fixture.drained()
  expect(await recovered(fixture)).toEqual(lost)
  expect(await places(fixture)).toEqual(all)
  expect(alarms(daemon).toSorted()).toEqual(back.toSorted())
  expect(await recoveredTotal(daemon)).toBe(lost.length)
  // The database has forgotten these mails, but each recipient has only one Message-ID.
  expect(new Set(fixture.smtp.mails.map(({ messageId }) => messageId)).size).toBe(60)
  await reported(fixture)

  daemon.kill('SIGTERM')
  expect(await daemon.exited).toBe(0)
  await copy.restore()
  const next = fixture.daemon()
  await next.ready()
  await fixture.drained()
  expect(await recovered(fixture)).toEqual(lost)
  expect(alarms(next).toSorted()).toEqual(back.toSorted())
  await reported(fixture)
  expect(await fixture.sql.query('SELECT reason FROM worker.dead_letters')).toEqual([])
})
