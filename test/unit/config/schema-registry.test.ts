import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { schemaRegistryOf } from '../../../config/schema-registry.ts'
import { tempFolder } from '../../../stack/temp-folder.ts'
import { loadWith } from './least.ts'

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

it('is read again from the file of the secret for each request', () => {
  const folder = tempFolder('registry-url')
  onTestFinished(() => folder.remove())
  const path = join(folder.path, 'url')
  writeFileSync(path, 'https://worker:old@registry.example.com')
  const { kafka } = loadWith({ KAFKA_SCHEMA_REGISTRY_URL_FILE: path })
  writeFileSync(path, 'https://worker:new@registry.example.com')
  expect(kafka.registryNow()).toEqual({ url: 'https://worker:new@registry.example.com' })
  writeFileSync(path, '')
  expect(() => kafka.registryNow()).toThrow('KAFKA_SCHEMA_REGISTRY_URL')
})
