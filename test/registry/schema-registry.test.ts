import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { schemaTextOf } from '../../src/catalogue/registration.ts'
import { avroSchemaOf } from '../../src/events/avro-schema.ts'
import { avroOf } from '../../src/events/avro-writer.ts'
import { catalogue } from '../../src/events/catalogue/catalogue.ts'
import { events } from '../../src/events/catalogue/events.ts'
import { createRegistryClient, type RegistryClient } from '../../src/infra/registry/registry-client.ts'
import { createRegistrySchemas } from '../../src/infra/registry/registry-schemas.ts'
import { systemClock } from '../../src/std/clock.ts'
import { startSchemaRegistry, type SchemaRegistryServer } from '../../stack/schema-registry.ts'
import { runProcess } from '../mutants/run-process.ts'
import { sampleEvent } from '../support/sample-event.ts'

let registry: SchemaRegistryServer
let client: RegistryClient
beforeAll(async () => {
  registry = await startSchemaRegistry((line) => void process.stderr.write(`${line}\n`))
  client = createRegistryClient(() => registry)
}, 600_000)
afterAll(() => registry.stop())

const { signal } = new AbortController()

/** A call of the API that a foreign program would make. */
async function foreign(path: string, body: object): Promise<unknown> {
  const response = await fetch(`${registry.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
    body: JSON.stringify(body),
  })
  return response.json()
}

async function foreignId(subject: string, body: object): Promise<number> {
  const answer = await foreign(`/subjects/${subject}/versions`, body)
  if (typeof answer !== 'object' || answer === null || !('id' in answer)) throw new Error(JSON.stringify(answer))
  return Number(answer.id)
}

const catalogueCommand = (...args: readonly string[]) =>
  runProcess('node', ['cmd/catalogue/main.ts', ...args], {
    cwd: process.cwd(),
    env: { KAFKA_SCHEMA_REGISTRY_URL: registry.url },
    signal: AbortSignal.timeout(60_000),
  })

const changing = (type: string) => JSON.stringify({ type: 'record', name: 'a.changed', fields: [{ name: 'x', type }] })

describe('catalogue register, at a real registry', () => {
  it('says what it would do, does it, and finds it done', async () => {
    const before = await catalogueCommand('register', '--dry-run')
    expect(before.output.trim().split('\n')).toEqual(events.map(({ type }) => `${type} would be registered as a new subject.`))
    expect(before.code).toBe(2)
    const registering = await catalogueCommand('register')
    expect(registering.output.trim().split('\n')).toEqual(
      events.map(({ type }) => expect.stringMatching(new RegExp(`^${type} is registered as \\d+\\.$`))),
    )
    expect(registering.code).toBe(0)
    const again = await catalogueCommand('register', '--dry-run')
    expect(again.output.trim().split('\n')).toEqual(
      events.map(({ type }) => expect.stringMatching(new RegExp(`^${type} is registered already, as \\d+\\.$`))),
    )
    expect(again.code).toBe(0)
    const kafka = { KAFKA_BROKERS: 'kafka.example.com:9092', DATABASE_URL: 'postgresql://worker@127.0.0.1/platform' }
    const doctor = await runProcess('node', ['cmd/workerctl/main.ts', 'doctor', '--only', 'registry'], {
      cwd: process.cwd(),
      env: { ...kafka, KAFKA_GROUPS: 'position-workers', KAFKA_SCHEMA_REGISTRY_URL: registry.url },
      signal: AbortSignal.timeout(60_000),
    })
    expect(doctor.output).toContain(`answers and has ${events.length} of ${events.length} schemas of the catalogue.`)
    expect(doctor.code).toBe(0)
  })

  it('says that a registry is away', async () => {
    const { code, output } = await runProcess('node', ['cmd/catalogue/main.ts', 'register'], {
      cwd: process.cwd(),
      env: { KAFKA_SCHEMA_REGISTRY_URL: 'http://127.0.0.1:1' },
      signal: AbortSignal.timeout(60_000),
    })
    expect(output.trim()).toBe(
      'the schema registry at http://127.0.0.1:1 does not answer (ECONNREFUSED): start it, or correct KAFKA_SCHEMA_REGISTRY_URL',
    )
    expect(code).toBe(1)
  })
})

describe('a real registry', () => {
  it.each(events)('has the schema of $type, by which its values are read', async (event) => {
    const id = await client.register(event.type, schemaTextOf(event))
    expect(await client.idOf(event.type, schemaTextOf(event))).toBe(id)
    const read = await createRegistrySchemas(client, systemClock).reader(id, signal)
    const value = sampleEvent(event.type)
    expect(read(avroOf(avroSchemaOf(event), value))).toEqual({ value, isAvro: true })
  })

  it('knows neither strange ids nor strange subjects', async () => {
    expect(await client.schema(999_999)).toBeNull()
    expect(await client.version('nobody', 1)).toBeNull()
    expect(await client.idOf('nobody', '"string"')).toBeNull()
    expect(await client.wouldTake('nobody', '"string"')).toBeNull()
    const read = await createRegistrySchemas(client, systemClock).reader(999_999, signal)
    expect(read(Buffer.alloc(3))).toEqual({ reason: 'unknown-schema', detail: 'the schema registry does not know schema 999999' })
  })

  it('refuses what older readers could not read, where it is set to, and says so before', async () => {
    await client.register('a.changed', changing('string'))
    await fetch(`${registry.url}/config/a.changed`, {
      method: 'PUT',
      headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
      body: JSON.stringify({ compatibility: 'BACKWARD' }),
    })
    expect(await client.wouldTake('a.changed', changing('long'))).toBe(false)
    await expect(client.register('a.changed', changing('long'))).rejects.toThrow(
      'refuses the schema as incompatible with the versions it has',
    )
    expect(await client.wouldTake('a.changed', changing('string'))).toBe(true)
    await expect(client.register('a.invalid', '{"type":"record"}')).rejects.toThrow('refuses the schema as invalid')
  })

  it('has schemas that refer to others, in JSON and in Protobuf', async () => {
    const leaf = { type: 'record', name: 'a.leaf', fields: [{ name: 'x', type: 'string' }] }
    await foreignId('leaf', { schema: JSON.stringify(leaf) })
    const tree = { type: 'record', name: 'a.tree', fields: [{ name: 'leaf', type: 'a.leaf' }] }
    const references = [{ name: 'a.leaf', subject: 'leaf', version: 1 }]
    const schemas = createRegistrySchemas(client, systemClock)
    const read = await schemas.reader(await foreignId('tree', { schema: JSON.stringify(tree), references }), signal)
    expect(read(Buffer.from([2, 97]))).toEqual({ value: { leaf: { x: 'a' } }, isAvro: true })

    const json = await schemas.reader(
      await foreignId('json', { schema: '{"$schema":"http://json-schema.org/draft-07/schema#","type":"object"}', schemaType: 'JSON' }),
      signal,
    )
    expect(json(Buffer.from('{"a":1}'))).toEqual({ value: { a: 1 } })

    const proto = 'syntax = "proto3";\nmessage A { string x = 1; }\n'
    const protobuf = await foreignId('proto', { schema: proto, schemaType: 'PROTOBUF' })
    expect((await schemas.reader(protobuf, signal))(Buffer.alloc(3))).toEqual({
      reason: 'unreadable-schema',
      detail: `schema ${protobuf} is PROTOBUF, and only AVRO and JSON are read`,
    })
  })

  it('that hangs is away: nobody waits for it longer than 5 s', async () => {
    registry.signal('SIGSTOP')
    try {
      await expect(client.schema(1)).rejects.toThrow('does not answer (no answer within 5 s)')
    } finally {
      registry.signal('SIGCONT')
    }
    expect(await client.idOf('user.signed_up', schemaTextOf(catalogue['user.signed_up']))).not.toBeNull()
  })
})
