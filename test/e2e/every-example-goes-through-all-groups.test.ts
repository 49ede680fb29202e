import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import path from 'node:path'
import { expect, test } from 'vitest'
import { envelopeOf } from '../../src/catalogue/asyncapi.ts'
import { readCatalogue } from '../../src/catalogue/released.ts'
import { knownGroups, listedConsumers } from '../../src/consumers/registry.ts'
import type { EventDefinition, Example } from '../../src/events/catalogue/define-event.ts'
import { events } from '../../src/events/catalogue/events.ts'
import type { TypedInput } from '../../src/events/publisher-input.ts'
import { versionText } from '../../src/events/upcast.ts'
import { createTypeFilter } from '../../src/ingest/type-filter.ts'
import { createFixture } from '../support/fixture.ts'
import { runWorkerctl } from '../integration/workerctl-fixture.ts'

const folder = fileURLToPath(new URL('../../config/events/released', import.meta.url))

test('every example of every version of every event goes through the publisher, Kafka and all groups', async () => {
  await using fixture = await createFixture({ groups: knownGroups.groups })
  expect(await runWorkerctl(['migrate'], fixture.variables)).toMatchObject({ code: 0 })
  await using daemon = fixture.daemon()
  await daemon.ready()

  const now = events.flatMap((event) => event.examples.map((example) => ({ event, example })))
  expect(now.length).toBeGreaterThan(0)
  for (const { event, example } of now) await fixture.publisher.publishMany([inputOf(event, example)])
  const releases = await Promise.all(readdirSync(folder).map((name) => readCatalogue(path.join(folder, name))))
  // Under an id of its own, so that it is not the event that the publisher sent; the facts are the same, and their effects come once.
  const then = releases.flatMap((release) =>
    release.events.flatMap((event) => event.examples.map((example) => ({ event, example: { ...example, id: crypto.randomUUID() } }))),
  )
  await fixture.sendRaw(
    then.map(({ event, example }) => ({
      key: example.id,
      value: Buffer.from(JSON.stringify(envelopeOf(event, example))),
      headers: { 'event-type': event.type, 'event-version': versionText(event) },
    })),
  )
  await fixture.drained()

  const outcomes = await fixture.sql.query<{ seen: string }>(
    `SELECT group_name || ' ' || event_id || ' ' || type AS seen FROM worker.outcomes WHERE outcome <> 'dead-letter'`,
  )
  const expected = listedConsumers.flatMap(({ name, types }) => {
    const filter = createTypeFilter(types)
    return [...now, ...then].flatMap(({ event: { type }, example: { id } }) =>
      filter.handles(type) ? [`${fixture.group(name)} ${id} ${type}`] : [],
    )
  })
  expect(outcomes.map(({ seen }) => seen).toSorted()).toEqual(expected.toSorted())
  expect(await fixture.sql.query('SELECT reason FROM worker.dead_letters')).toEqual([])
})

/** An example as a caller of the publisher passes it. */
function inputOf({ type }: EventDefinition, { id, accountId, timestamp, data }: Example): TypedInput {
  const fields = Object.entries(data).map(([name, value]) => [
    name.replaceAll(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase()),
    value,
  ])
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the publisher checks it
  return { type, eventId: id, accountId, timestamp: new Date(timestamp), ...Object.fromEntries(fields) } as TypedInput
}
