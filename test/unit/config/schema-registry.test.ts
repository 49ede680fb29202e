import { expect, it } from 'vitest'
import { schemaRegistryOf } from '../../../config/schema-registry.ts'

it('needs no other variable than its own', () => {
  expect(schemaRegistryOf({ KAFKA_SCHEMA_REGISTRY_URL: 'http://127.0.0.1:8081', KAFKA_BROKERS: '' })).toEqual({
    url: 'http://127.0.0.1:8081',
  })
})

it.each([
  [{}, 'KAFKA_SCHEMA_REGISTRY_URL is not set: give a URL'],
  [{ KAFKA_SCHEMA_REGISTRY_URL: '127.0.0.1:8081' }, 'KAFKA_SCHEMA_REGISTRY_URL'],
])('refuses %j with a sentence', (environment, sentence) => {
  expect(() => schemaRegistryOf(environment)).toThrow(sentence)
})
