import { afterAll, beforeAll, expect, test } from 'vitest'
import { startPostgres, type PostgresServer } from '../../stack/postgres-server.ts'
import type { Daemon } from '../support/daemon.ts'
import { eventually } from '../support/eventually.ts'
import { takeBaseCopy } from '../support/faults/base-copy.ts'
import { Platform } from '../support/platform.ts'
import { setScene, type Scene } from '../support/scene.ts'

let server: PostgresServer
beforeAll(async () => {
  server = await startPostgres()
})
afterAll(async () => {
  await server.stop()
})

/** Kafka has been told of everything that is on record. */
async function reported(scene: Scene): Promise<void> {
  await eventually('Kafka knows all progress', async () => {
    const rows = await scene.sql.query<{ group_name: string; partition: number; next_offset: string }>(
      'SELECT group_name, partition, next_offset FROM worker.progress',
    )
    for (const { group_name, partition, next_offset } of rows) {
      const committed = (await scene.admin.committed(group_name, scene.topic)).get(partition)
      if (String(committed) !== next_offset) return `${group_name}/${partition}: ${committed} of ${next_offset}`
    }
    return true
  })
}

/** Places of outcomes that were accepted for the second time, `group/partition/offset`. */
async function recovered(scene: Scene): Promise<string[]> {
  return places(scene, 'WHERE recovered')
}

async function places(scene: Scene, where = ''): Promise<string[]> {
  const rows = await scene.sql.query<{ place: string }>(
    `SELECT group_name || '/' || partition || '/' || "offset" AS place FROM worker.outcomes ${where} ORDER BY 1`,
  )
  return rows.map(({ place }) => place)
}

/** Progress rows, `group/partition` to offset. */
async function rows(scene: Scene): Promise<ReadonlyMap<string, string>> {
  const found = await scene.sql.query<{ place: string; next_offset: string }>(
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

test('a base copy restored under a running daemon, and again before a start, is noticed without a record; what was lost is accepted again and marked', async () => {
  await using scene = await setScene({ databaseUrl: await server.createDatabase('set_back'), partitions: 2 })
  const platform = new Platform(scene.sql)
  const campaign = await platform.campaign()
  const people = await platform.crowd(campaign, 60)
  const publish = (from: number, to: number) =>
    scene.publisher.publishMany(people.slice(from, to).map((person) => ({ type: 'user.signed_up', ...campaign, ...person })))
  const daemon = scene.daemon()
  await daemon.ready()
  await publish(0, 30)
  await scene.settled()
  await using copy = await takeBaseCopy(server)
  const before = await places(scene)
  const rowsBefore = await rows(scene)
  await daemon.ready()
  expect(alarms(daemon)).toEqual([])

  await publish(30, 60)
  await scene.settled()
  await reported(scene)
  const all = await places(scene)
  const lost = all.filter((place) => !before.includes(place))
  expect(lost).toHaveLength(30)
  // Two of the groups handle no sign-up: they have passed over them since, and go back all the same.
  const back = [...(await rows(scene))].filter(([place, next]) => next !== rowsBefore.get(place)).map(([place]) => place)
  expect(back).toHaveLength(scene.groups.length)

  await copy.restore()
  await eventually('what was lost is accepted again', async () => (await recovered(scene)).length === lost.length || 'not yet')
  await daemon.ready()
  await scene.settled()
  expect(await recovered(scene)).toEqual(lost)
  expect(await places(scene)).toEqual(all)
  expect(alarms(daemon).toSorted()).toEqual(back.toSorted())
  expect(await recoveredTotal(daemon)).toBe(lost.length)
  // The database has forgotten that it mailed them; whoever reads Message-IDs sees one mail each.
  expect(new Set(scene.smtp.mails.map(({ messageId }) => messageId)).size).toBe(60)
  await reported(scene)

  daemon.kill('SIGTERM')
  expect(await daemon.exited).toBe(0)
  await copy.restore()
  const next = scene.daemon()
  await next.ready()
  await scene.settled()
  expect(await recovered(scene)).toEqual(lost)
  expect(alarms(next).toSorted()).toEqual(back.toSorted())
  await reported(scene)
  expect(await scene.sql.query('SELECT reason FROM worker.dead_letters')).toEqual([])
})
