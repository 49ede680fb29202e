import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import path from 'node:path'
import { expect, test } from 'vitest'
import { envelopeOf } from '../../../src/catalogue/asyncapi.ts'
import { readCatalogue } from '../../../src/catalogue/released.ts'
import { isEventType } from '../../../src/events/catalogue/catalogue.ts'
import { decode } from '../../../src/events/decode.ts'
import { versionText } from '../../../src/events/upcast.ts'

const folder = fileURLToPath(new URL('../../../config/events/released', import.meta.url))
const releases = await Promise.all(readdirSync(folder).map((name) => readCatalogue(path.join(folder, name))))
const examples = releases.flatMap(({ version, events }) =>
  events.flatMap((event) => event.examples.map((example) => [version, event.type, event, example] as const)),
)

test.each(examples)('catalogue %s: an example of %s is read today, or skipped when its type is gone', (_, type, event, example) => {
  const decoded = decode(
    {
      value: Buffer.from(JSON.stringify(envelopeOf(event, example))),
      headers: { 'event-type': Buffer.from(type), 'event-version': Buffer.from(versionText(event)) },
    },
    { maxBytes: 1_000_000 },
  )
  expect(decoded).toMatchObject(isEventType(type) ? { is: 'event', event: { type, id: example.id } } : { is: 'unknown-type' })
})
