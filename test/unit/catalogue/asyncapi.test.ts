import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Parser } from '@asyncapi/parser'
import { expect, it } from 'vitest'
import { parse } from 'yaml'
import { asyncApiYaml, DEFAULT_TOPIC } from '../../../cmd/catalogue/run.ts'
import { asyncApiOf } from '../../../src/catalogue/asyncapi.ts'
import { eventTopics, topicSettings } from '../../../src/catalogue/event-topics.ts'
import { retentionMs } from '../../../src/catalogue/event-retention.ts'
import { listedConsumers } from '../../../src/consumers/registry.ts'
import { eventTypes } from '../../../src/events/catalogue/catalogue.ts'
import { events } from '../../../src/events/catalogue/events.ts'
import { catalogueVersion } from '../../../src/events/catalogue/version.ts'
import { userSignedUp } from '../../../src/events/catalogue/user/user-signed-up.ts'

const text = asyncApiYaml()
// Its module for import names files without their endings.
const asyncapi: { Parser: typeof Parser } = createRequire(import.meta.url)('@asyncapi/parser')

it('is the document that is checked in', () => {
  expect(readFileSync(new URL('../../../config/events/asyncapi.yaml', import.meta.url), 'utf8')).toBe(text)
})

it('is valid AsyncAPI 3.0.0, with all events, and an operation for each group', async () => {
  const { document, diagnostics } = await new asyncapi.Parser().parse(text)
  expect(diagnostics.filter(({ code }) => code !== 'asyncapi-latest-version')).toEqual([])
  expect(document?.version()).toBe('3.0.0')
  expect(
    document
      ?.messages()
      .all()
      .map((message) => message.name())
      .toSorted(),
  ).toEqual(eventTypes.toSorted())
  const receiving =
    document
      ?.operations()
      .all()
      .filter((operation) => operation.isReceive()) ?? []
  expect(receiving.map((operation) => operation.id())).toEqual(listedConsumers.map(({ name }) => name))
})

it.each(['1.1', '1.2'] as const)('says the same to readers of YAML %s', (version) => {
  const described = { version: catalogueVersion, events, consumers: listedConsumers, defaultTopic: DEFAULT_TOPIC }
  expect(parse(text, { version })).toEqual(JSON.parse(JSON.stringify(asyncApiOf(described))))
})

it('is refused by the parser where a channel is missing', async () => {
  const { document } = await new asyncapi.Parser().parse(text.replace(/^channels:\n(?: .*\n)+/m, ''))
  expect(document).toBeUndefined()
})

it('has the topics and settings that are applied: the longest retention where events of two classes share a topic', () => {
  const mixed = [userSignedUp, { ...userSignedUp, type: 'order.placed', retention: 'analytics' } as const]
  const settings = topicSettings(retentionMs.analytics)
  expect(eventTopics(mixed, 'shared')).toMatchObject([{ name: 'shared', retention: 'analytics' }])
  expect(asyncApiOf({ version: '1.0.0', events: mixed, consumers: [], defaultTopic: 'shared' })).toMatchObject({
    channels: {
      shared: {
        address: 'shared',
        bindings: {
          kafka: {
            topic: 'shared',
            topicConfiguration: {
              'cleanup.policy': [settings['cleanup.policy']],
              'retention.ms': Number(settings['retention.ms']),
              'retention.bytes': -1,
            },
          },
        },
      },
    },
  })
})
