import { execFile } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import avsc from 'avsc'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { createKafkaAdmin } from '../../src/infra/kafka/admin/kafka-admin.ts'
import { registerEvents, schemaTextOf } from '../../src/catalogue/registration.ts'
import { catalogue } from '../../src/events/catalogue/catalogue.ts'
import { events as catalogueEvents } from '../../src/events/catalogue/events.ts'
import { decode } from '../../src/events/decode.ts'
import { createRegistryClient } from '../../src/infra/registry/registry-client.ts'
import { createAuthority } from '../../stack/certificates.ts'
import { freePorts } from '../../stack/free-port.ts'
import { tempFolder, type TempFolder } from '../../stack/temp-folder.ts'
import { runProcess } from '../mutants/run-process.ts'
import { workCopy } from '../mutants/work-copy.ts'
import { exampleNamed } from '../support/document-examples.ts'
import { readTopic } from '../support/faults/read-topic.ts'
import { freshTopicName } from '../support/fresh.ts'
import { startRegistryServer } from '../support/registry-server.ts'
import { sampleEvent } from '../support/sample-event.ts'
import { commonJs, esModule, expectedErrors, inAvro, tsConfig, typed } from './publisher-programs.ts'

const run = promisify(execFile)
const root = process.cwd()

/** Another service, which has installed the packed file. */
let project: TempFolder
let packed: { readonly file: string; readonly restored: boolean; readonly files: readonly string[] }

beforeAll(async () => {
  project = tempFolder('another-service')
  packed = await pack(project.path)
  await writeFile(join(project.path, 'package.json'), '{ "name": "another-service", "private": true }\n')
  await npm(project.path, ['install', '--prefer-offline', '--no-audit', '--no-fund', join(project.path, packed.file)])
  const programs = {
    'esm.mjs': esModule,
    'common.cjs': commonJs,
    'typed.mts': typed,
    'typed-common.cts': typed,
    'wrong.mts': expectedErrors,
    'avro.mjs': inAvro,
    'guide.mts': exampleNamed('package').code,
    'run-typed.mjs': "import { publish } from './out/typed.mjs'\nconsole.log(JSON.stringify(await publish(...process.argv.slice(2))))\n",
    'run-typed.cjs':
      "require('./out/typed-common.cjs').publish(...process.argv.slice(2)).then((done) => console.log(JSON.stringify(done)))\n",
  }
  for (const [name, text] of Object.entries(programs)) await writeFile(join(project.path, name), text)
  await compile('out', 'node16', ['typed.mts', 'typed-common.cts'])
})

afterAll(() => project.remove())

/** `npm pack` in a copy of the repository, because it changes files while it packs. */
async function pack(to: string) {
  const copy = await workCopy(root)
  try {
    const before = await ownFiles(copy.path)
    const output = await npm(copy.path, ['pack', '--json', '--pack-destination', to])
    // A list, or an object by the name of the package, as npm's version has it.
    const report: Readonly<Record<string, { filename: string; files: { path: string }[] }>> = JSON.parse(
      output.slice(output.search(/^[[{]/m)),
    )
    const [{ filename, files } = { filename: '', files: [] }] = Object.values(report)
    return {
      file: filename,
      files: files.map(({ path }) => path).toSorted(),
      restored: before === (await ownFiles(copy.path)),
    }
  } finally {
    await copy.remove()
  }
}

const ownFiles = async (folder: string): Promise<string> =>
  (await Promise.all(['package.json', 'README.md'].map((name) => readFile(join(folder, name), 'utf8')))).join('')

/** The registry's ordinary client, as it is on this machine. */
async function npm(cwd: string, args: readonly string[]): Promise<string> {
  const { code, output } = await runProcess('npm', args, {
    cwd,
    env: { npm_config_loglevel: 'error' },
    signal: AbortSignal.timeout(300_000),
  })
  if (code !== 0) throw new Error(`npm ${args.join(' ')}: ${output}`)
  return output
}

async function freshTopic(broker: string): Promise<string> {
  const topic = freshTopicName()
  const admin = createKafkaAdmin({ brokers: [broker], clientId: 'test' })
  await admin.createTopic({ name: topic, partitions: 3 })
  await admin.disconnect()
  return topic
}

/** A Node of this version; else the one that the machine has. */
async function nodeOf(major: string): Promise<{ readonly path: string; readonly version: string } | null> {
  return major === '24' ? { path: process.execPath, version: process.version } : nodeOfMachine()
}

/** The Node of the machine, where that is 20: the first in the path that is not ours. */
async function nodeOfMachine(): Promise<{ readonly path: string; readonly version: string } | null> {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '' && !folder.includes('node_modules'))
  for (const folder of folders) {
    const path = join(folder, 'node')
    const version = await run(path, ['--version']).then(
      ({ stdout }) => stdout.trim(),
      () => null,
    )
    if (version !== null) return { path, version }
  }
  return null
}

const tsc = (args: readonly string[]) =>
  run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), ...args], { cwd: project.path }).then(
    () => '',
    (error: { stdout?: string }) => error.stdout ?? 'tsc did not start',
  )

async function compile(name: string, resolution: 'node16' | 'bundler', files: readonly string[]): Promise<string> {
  const path = join(project.path, `tsconfig.${name}.json`)
  await writeFile(path, JSON.stringify(tsConfig(resolution, files)))
  return tsc(['-p', path])
}

describe('the packed file', () => {
  it('holds the publisher, its types and its papers, and leaves the repository as it was', () => {
    expect(packed.file).toMatch(/^kafka-worker-\d+\.\d+\.\d+\.tgz$/)
    expect(packed.files).toEqual([
      'LICENSE',
      'README.md',
      'dist/NOTICES.txt',
      'dist/publisher.cjs',
      'dist/publisher.d.cts',
      'dist/publisher.d.ts',
      'dist/publisher.js',
      'package.json',
    ])
    expect(packed.restored).toBe(true)
  })

  it('brings kafkajs and nothing else', async () => {
    const lock: { packages: object } = JSON.parse(await readFile(join(project.path, 'node_modules/.package-lock.json'), 'utf8'))
    expect(Object.keys(lock.packages).toSorted()).toEqual(['node_modules/kafka-worker', 'node_modules/kafkajs'])
    const text = await readFile(join(project.path, 'node_modules/kafka-worker/package.json'), 'utf8')
    const own: { dependencies: Readonly<Record<string, string>> } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
    const manifest: unknown = JSON.parse(text)
    expect(manifest).toMatchObject({ dependencies: { kafkajs: expect.stringMatching(/^\d+\.\d+\.\d+$/) }, engines: { node: '>=20' } })
    expect(own.dependencies).toMatchObject(Object(manifest).dependencies)
    const signer = 'aws-msk-iam-sasl-signer-js'
    expect(manifest).toMatchObject({ peerDependencies: { [signer]: `^${own.dependencies[signer]}` } })
    expect(manifest).not.toHaveProperty('devDependencies')
    expect(manifest).not.toHaveProperty('private')
  })

  it('has the guide as its README, without what is said to contributors', async () => {
    const readme = await readFile(join(project.path, 'node_modules/kafka-worker', 'README.md'), 'utf8')
    expect(readme).toContain("from 'kafka-worker/publisher'")
    expect(readme).not.toMatch(/<!--|\]\(\.\.?\//)
  })
})

describe('the types', () => {
  it.each(['node16', 'bundler'] as const)('are complete, and refuse what is wrong, with the module resolution %s', async (resolution) => {
    const files = ['typed.mts', 'wrong.mts', ...(resolution === 'node16' ? ['typed-common.cts'] : [])]
    expect(await compile(resolution, resolution, files)).toBe('')
  })

  it('compile the program of the guide', async () => {
    await mkdir(join(project.path, 'node_modules/@types'), { recursive: true })
    const path = join(project.path, 'tsconfig.guide.json')
    const { compilerOptions, files } = tsConfig('node16', ['guide.mts'])
    const options = { ...compilerOptions, types: ['node'], typeRoots: [join(root, 'node_modules/@types')], skipLibCheck: true }
    await writeFile(path, JSON.stringify({ compilerOptions: options, files }))
    expect(await tsc(['-p', path])).toBe('')
  })
})

describe.each([
  ['an ES module', 'esm.mjs'],
  ['CommonJS', 'common.cjs'],
  ['TypeScript, compiled to an ES module', 'run-typed.mjs'],
  ['TypeScript, compiled to CommonJS', 'run-typed.cjs'],
])('a service in %s', (_, program) => {
  it.for(['24', '20'])('publishes to Kafka on Node %s', async (major, { skip }) => {
    const node = await nodeOf(major)
    if (!node?.version.startsWith(`v${major}.`))
      return skip(`this machine has no Node ${major} in its path, but ${node?.version ?? 'no Node'}`)
    const [brokers = ''] = inject('kafkaBootstrap')
    const [closedPort = 0] = await freePorts(1)
    const topic = await freshTopic(brokers)
    const args = [join(project.path, program), brokers, topic, `127.0.0.1:${closedPort}`]
    const { stdout, stderr } = await run(node.path, args, { timeout: 240_000 })
    const result = JSON.parse(stdout)
    expect(stderr).toBe('')
    expect(result).toMatchObject({
      invalid: { name: 'InvalidEvent', path: 'userId', known: true },
      away: { name: 'PublisherError', reason: 'unavailable', known: true },
    })
    expect(result.away.message).toMatch(
      /^no Kafka broker answers at 127\.0\.0\.1:\d+, waited \d+\.\d s \(.*ECONNREFUSED.*\): start Kafka there/,
    )
    expect(result.away.waitedMs).toBeGreaterThanOrEqual(999)
    expect(JSON.parse(result.rows)).toMatchObject([
      {
        topic: 'domain-events',
        type: 'user.signed_up',
        headers: {
          'correlation-id': 'an-event',
          producer: 'another-service',
          // Of a tracer that is nothing but an object with OpenTelemetry's functions.
          traceparent: `00-${'c'.repeat(32)}-${'d'.repeat(16)}-01`,
        },
      },
    ])

    const events: unknown[] = []
    await readTopic([brokers], topic, (_, { key, value, headers = {} }) => {
      const text = (name: string) => String(headers[name])
      const names = ['event-type', 'event-version', 'event-id']
      const decoded = decode(
        { value, headers: Object.fromEntries(names.map((name) => [name, Buffer.from(text(name))])) },
        { maxBytes: 100_000 },
      )
      events.push([
        String(key),
        decoded.is === 'event' ? decoded.event.id : decoded,
        text('producer'),
        text('correlation-id'),
        text('traceparent'),
      ])
    })
    const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`
    expect(events).toEqual(result.eventIds.map((id: string) => [result.campaignId, id, 'another-service', 'request-1', traceparent]))
    expect(events).toHaveLength(3)
  })
})

it.for(['24', '20'])('a service publishes in Avro, by a schema registry with TLS and a login, on Node %s', async (major, { skip }) => {
  const node = await nodeOf(major)
  if (!node?.version.startsWith(`v${major}.`))
    return skip(`this machine has no Node ${major} in its path, but ${node?.version ?? 'no Node'}`)
  const authority = await createAuthority('authority of a test')
  const certificate = await authority.server(['127.0.0.1'])
  await using registry = await startRegistryServer({ login: 'service:hidden', certificate })
  const client = createRegistryClient(() => ({ url: registry.urlFor('service:hidden'), ca: authority.ca }))
  await registerEvents(catalogueEvents, client, { dryRun: false })
  const ca = join(project.path, 'registry-ca.pem')
  await writeFile(ca, authority.ca)
  const [broker = ''] = inject('kafkaBootstrap')
  const topic = await freshTopic(broker)
  const { campaign_id: campaignId, account_id: accountId, data } = sampleEvent('user.signed_up')
  const event = JSON.stringify({ accountId, campaignId, userId: data.user_id, email: data.email })
  const args = [join(project.path, 'avro.mjs'), broker, topic, registry.urlFor('service:hidden'), ca, event]
  const { stdout, stderr } = await run(node.path, args, { timeout: 60_000 })
  expect(stderr).toBe('')
  const { eventId, untrusted, refused } = JSON.parse(stdout)
  expect(untrusted).toMatchObject({
    reason: 'unavailable',
    message: expect.stringContaining('correct `schemaRegistry.url` or `schemaRegistry.ca`'),
  })
  expect(refused).toMatchObject({
    reason: 'refused',
    message: expect.stringContaining('refuses the login (HTTP 401, 40101): correct user and password in `schemaRegistry.url`'),
  })

  const values: Buffer[] = []
  await readTopic([broker], topic, (_, { value }) => void values.push(value ?? Buffer.alloc(0)))
  const schema = schemaTextOf(catalogue['user.signed_up'])
  const id = await client.idOf('user.signed_up', schema)
  expect(values.map((value) => [value[0], value.readUInt32BE(1)])).toEqual([[0, id]])
  const read: unknown = avsc.Type.forSchema(JSON.parse(schema)).fromBuffer(values[0]?.subarray(5) ?? Buffer.alloc(0))
  expect(read).toMatchObject({ id: eventId, campaign_id: campaignId, data: { user_id: data.user_id, email: data.email } })
})
