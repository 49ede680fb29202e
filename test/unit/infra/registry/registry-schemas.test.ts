import { describe, expect, it } from 'vitest'
import { avroSchemaOf } from '../../../../src/events/avro-schema.ts'
import { avroOf } from '../../../../src/events/avro-writer.ts'
import { catalogue } from '../../../../src/events/catalogue/catalogue.ts'
import { RegistryError, SchemaTooLong, type RegisteredSchema, type RegistryClient } from '../../../../src/infra/registry/registry-client.ts'
import { createRegistrySchemas } from '../../../../src/infra/registry/registry-schemas.ts'
import { createAutoAdvancingClock } from '../../../support/auto-advancing-clock.ts'
import { sampleEvent } from '../../../support/sample-event.ts'

const event = sampleEvent('user.signed_up')
const schema = avroSchemaOf(catalogue['user.signed_up'])
const avro = (text: unknown, references: RegisteredSchema['references'] = []) => ({ type: 'AVRO', text: JSON.stringify(text), references })
const { signal } = new AbortController()
const unused = () => Promise.reject(new Error('no reader asks'))
const tooLong = () => Promise.reject(new SchemaTooLong('hidden', true))
const refuses = () => Promise.reject(new RegistryError('refuses the login', true))

/** A registry with these schemas, which may be changed. */
function registryOf(schemas: Map<number, RegisteredSchema>, versions: Record<string, RegisteredSchema> = {}) {
  const asked: number[] = []
  const client: RegistryClient = {
    async schema(id) {
      asked.push(id)
      return schemas.get(id) ?? null
    },
    version: async (subject) => versions[subject] ?? null,
    idOf: unused,
    wouldTake: unused,
    register: unused,
  }
  const clock = createAutoAdvancingClock()
  return { asked, clock, source: createRegistrySchemas(client, clock) }
}

describe('a schema of a registry', () => {
  it('reads Avro, and is requested once, side by side too', async () => {
    const { source, asked } = registryOf(new Map([[7, avro(schema)]]))
    const [one, other] = await Promise.all([source.reader(7, signal), source.reader(7, signal)])
    expect(one(avroOf(schema, event))).toEqual({ value: event, isAvro: true })
    expect(other).toBe(one)
    expect(await source.reader(7, signal)).toBe(one)
    expect(asked).toEqual([7])
  })

  it('of JSON reads JSON, with its limits', async () => {
    const { source } = registryOf(new Map([[7, { type: 'JSON', text: '{}', references: [] }]]))
    const read = await source.reader(7, signal)
    expect(read(Buffer.from(JSON.stringify(event)))).toEqual({ value: event })
    expect(read(Buffer.from('{'))).toMatchObject({ reason: 'not-json' })
    expect(read(Buffer.from('['.repeat(40)))).toMatchObject({ reason: 'too-deep' })
  })

  it('may refer to others, also to one twice and in a circle', async () => {
    const leaf = avro({ type: 'record', name: 'a.leaf', fields: [{ name: 'x', type: 'string' }] })
    const branch = avro({ type: 'record', name: 'a.branch', fields: [{ name: 'leaf', type: 'a.leaf' }] }, [{ subject: 'leaf', version: 1 }])
    const fields = [
      { name: 'branch', type: 'a.branch' },
      { name: 'leaf', type: 'a.leaf' },
    ]
    const references = [
      { subject: 'branch', version: 1 },
      { subject: 'leaf', version: 1 },
    ]
    const circle = avro({ type: 'record', name: 'c', fields: [] }, [{ subject: 'circle', version: 1 }])
    const { source } = registryOf(
      new Map([
        [7, avro({ type: 'record', name: 'a.tree', fields }, references)],
        [8, avro({ type: 'record', name: 'd', fields: [] }, [{ subject: 'circle', version: 1 }])],
        [9, avro({ type: 'record', name: 'd', fields: [] }, [{ subject: 'gone', version: 1 }])],
      ]),
      { leaf, branch, circle },
    )
    expect((await source.reader(7, signal))(Buffer.from([2, 97, 2, 98]))).toEqual({
      value: { branch: { leaf: { x: 'a' } }, leaf: { x: 'b' } },
      isAvro: true,
    })
    expect((await source.reader(8, signal))(Buffer.alloc(0))).toEqual({ value: {}, isAvro: true })
    expect((await source.reader(9, signal))(Buffer.alloc(0))).toEqual({
      reason: 'unreadable-schema',
      detail: 'schema 9 refers to too many schemas, or to one that the registry does not know',
    })
  })

  it.each<[string, RegisteredSchema, string]>([
    ['Protobuf', { type: 'PROTOBUF', text: '', references: [] }, 'schema 7 is PROTOBUF, and only AVRO and JSON are read'],
    [
      'a kind of any name',
      { type: 'ada@example.com', text: '', references: [] },
      'schema 7 is of another kind, and only AVRO and JSON are read',
    ],
    ['no JSON', { type: 'AVRO', text: '{', references: [] }, 'schema 7 is not valid Avro'],
    ['no Avro', avro({ type: 'record' }), 'schema 7 is not valid Avro'],
    ['brackets', { type: 'AVRO', text: '['.repeat(10_000), references: [] }, 'schema 7 nests deeper than 100'],
  ])('that is %s makes every value a fault', async (_, registered, detail) => {
    const { source } = registryOf(new Map([[7, registered]]))
    expect((await source.reader(7, signal))(Buffer.alloc(3))).toEqual({ reason: 'unreadable-schema', detail })
  })
})

describe('an id that the registry does not know', () => {
  it('is not requested where it is beyond a signed number of 32 bits, which the registry would not read', async () => {
    const { source, asked, clock } = registryOf(new Map())
    expect((await source.reader(0xffff_ffff, signal))(Buffer.alloc(3))).toEqual({
      reason: 'unknown-schema',
      detail: 'the schema registry does not know schema 4294967295',
    })
    await source.reader(0x8000_0000, signal)
    expect(asked).toEqual([])
    expect(clock.slept).toEqual([])
    await source.reader(0x7fff_ffff, signal)
    expect(asked).toEqual([0x7fff_ffff, 0x7fff_ffff])
  })

  it('is requested a second time after a second, and known to be unknown for a minute', async () => {
    const schemas = new Map<number, RegisteredSchema>()
    const { source, asked, clock } = registryOf(schemas)
    const read = await source.reader(7, signal)
    expect(read(Buffer.alloc(3))).toEqual({ reason: 'unknown-schema', detail: 'the schema registry does not know schema 7' })
    expect(asked).toEqual([7, 7])
    expect(clock.slept).toEqual([1_000])
    schemas.set(7, avro(schema))
    await clock.sleep(59_000)
    expect(await source.reader(7, signal)).toBe(read)
    await clock.sleep(2_000)
    expect((await source.reader(7, signal))(avroOf(schema, event))).toEqual({ value: event, isAvro: true })
  })

  it('among many of a minute is requested once, and displaces no schema: these are bytes of something else', async () => {
    const { source, asked, clock } = registryOf(new Map([[7, avro(schema)]]))
    await source.reader(7, signal)
    for (let id = 100; id < 700; id++) await source.reader(id, signal)
    expect(clock.slept).toHaveLength(50)
    expect(asked).toHaveLength(1 + 2 * 50 + 550)
    await source.reader(7, signal)
    await source.reader(699, signal)
    expect(asked).toHaveLength(651)
    // The oldest of more than 500 is forgotten.
    await source.reader(100, signal)
    expect(asked).toHaveLength(652)
  })

  it('may be there a second later', async () => {
    const schemas = new Map<number, RegisteredSchema>()
    const { source, clock } = registryOf(schemas)
    const asking = source.reader(7, signal)
    schemas.set(7, avro(schema))
    expect((await asking)(avroOf(schema, event))).toEqual({ value: event, isAvro: true })
    expect(clock.slept.length).toBeLessThanOrEqual(1)
  })
})

describe('a schema that is longer than is read', () => {
  const detail = 'schema 7, or one that it refers to, has more than 1000000 characters'
  const tree = avro({ type: 'record', name: 'a.tree', fields: [] }, [{ subject: 'leaf', version: 1 }])

  it.each<[string, Pick<RegistryClient, 'schema' | 'version'>]>([
    ['itself', { schema: tooLong, version: unused }],
    ['as one that another refers to', { schema: async () => tree, version: tooLong }],
  ])('makes every value a fault: %s', async (_, part) => {
    const client: RegistryClient = { ...part, idOf: unused, wouldTake: unused, register: unused }
    const source = createRegistrySchemas(client, createAutoAdvancingClock())
    expect((await source.reader(7, signal))(Buffer.alloc(3))).toEqual({ reason: 'unreadable-schema', detail })
  })

  it('is no other refusal: those are thrown', async () => {
    const client: RegistryClient = { schema: refuses, version: unused, idOf: unused, wouldTake: unused, register: unused }
    await expect(createRegistrySchemas(client, createAutoAdvancingClock()).reader(7, signal)).rejects.toThrow('refuses the login')
  })
})

it('a schema that another refers to may be there a minute later', async () => {
  const tree = avro({ type: 'record', name: 'a.tree', fields: [{ name: 'leaf', type: 'a.leaf' }] }, [{ subject: 'leaf', version: 1 }])
  const versions: Record<string, RegisteredSchema> = {}
  const { source, clock } = registryOf(new Map([[7, tree]]), versions)
  expect((await source.reader(7, signal))(Buffer.from([2, 97]))).toMatchObject({ reason: 'unreadable-schema' })
  versions['leaf'] = avro({ type: 'record', name: 'a.leaf', fields: [{ name: 'x', type: 'string' }] })
  await clock.sleep(61_000)
  expect((await source.reader(7, signal))(Buffer.from([2, 97]))).toEqual({ value: { leaf: { x: 'a' } }, isAvro: true })
})

describe('schemas', () => {
  it('are kept up to 500, those that are used', async () => {
    const { source, asked } = registryOf(new Map(Array.from({ length: 600 }, (_, id) => [id, { type: 'JSON', text: '', references: [] }])))
    for (let id = 0; id < 500; id++) await source.reader(id, signal)
    await source.reader(0, signal)
    await source.reader(500, signal)
    expect(asked).toHaveLength(501)
    await source.reader(0, signal)
    expect(asked).toHaveLength(501)
    await source.reader(1, signal)
    expect(asked).toHaveLength(502)
  })

  it('are waited for no longer than the assignment lasts', async () => {
    const never = new Promise<never>(() => undefined)
    const client: RegistryClient = { schema: () => never, version: unused, idOf: unused, wouldTake: unused, register: unused }
    const ending = new AbortController()
    const asking = createRegistrySchemas(client, createAutoAdvancingClock()).reader(7, ending.signal)
    ending.abort()
    await expect(asking).rejects.toThrow('the assignment has ended')
  })
})
