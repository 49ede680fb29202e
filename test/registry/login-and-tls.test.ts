import { writeFileSync } from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, inject, it } from 'vitest'
import { events } from '../../src/events/catalogue/events.ts'
import { connectPublisher } from '../../src/publisher/connect-publisher.ts'
import { createAuthority } from '../../stack/certificates.ts'
import { startSchemaRegistry, type SchemaRegistryServer } from '../../stack/schema-registry.ts'
import { tempFolder, type TempFolder } from '../../stack/temp-folder.ts'
import { runProcess } from '../mutants/run-process.ts'
import { eventually } from '../support/eventually.ts'
import { createFixture } from '../support/fixture.ts'
import { Platform } from '../support/platform.ts'

let registry: SchemaRegistryServer
let entrance: https.Server
let access: { readonly url: string; readonly wrong: string; readonly ca: string }
let folder: TempFolder
let caFile: string

beforeAll(async () => {
  registry = await startSchemaRegistry()
  const authority = await createAuthority('authority of a test')
  entrance = https.createServer(await authority.server(['127.0.0.1']), behindLogin(registry.url, 'worker:hidden@word'))
  await new Promise<void>((resolve) => entrance.listen(0, '127.0.0.1', resolve))
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a server on a port has an address of this kind
  const { port } = entrance.address() as AddressInfo
  const urlOf = (login: string) => `https://${login}@127.0.0.1:${port}${new URL(registry.url).pathname}`
  access = { url: urlOf('worker:hidden%40word'), wrong: urlOf('worker:replaced'), ca: authority.ca }
  folder = tempFolder('registry-access')
  caFile = join(folder.path, 'ca.pem')
  writeFileSync(caFile, authority.ca)
}, 600_000)
afterAll(async () => {
  entrance.closeAllConnections()
  await new Promise((resolve) => entrance.close(resolve))
  await folder.remove()
  await registry.stop()
})

/** What companies put before a registry: it checks the login, and passes the rest on. */
function behindLogin(target: string, login: string): http.RequestListener {
  const expected = `Basic ${Buffer.from(login).toString('base64')}`
  return (request, response) => {
    if (request.headers.authorization !== expected) return void response.writeHead(401).end()
    const { method, headers, url = '/' } = request
    const { authorization: _, ...others } = headers
    const passed = http.request(new URL(url, target), { method, headers: others }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
    })
    passed.on('error', () => response.destroy())
    request.pipe(passed)
  }
}

const catalogueCommand = (url: string, ...args: readonly string[]) =>
  runProcess('node', ['cmd/catalogue/main.ts', 'register', ...args], {
    cwd: process.cwd(),
    env: { KAFKA_SCHEMA_REGISTRY_URL: url, KAFKA_SCHEMA_REGISTRY_CA_FILE: caFile },
    signal: AbortSignal.timeout(60_000),
  })

it('catalogue register, a publisher and a daemon reach a real registry over TLS and with a login, and say that another is refused', async () => {
  const refused = await catalogueCommand(access.wrong)
  expect(refused.output.trim()).toMatch(
    /^the schema registry at https:\/\/127\.0\.0\.1:\d+ refuses the login \(HTTP 401\): correct user and password in KAFKA_SCHEMA_REGISTRY_URL$/,
  )
  expect(refused.code).toBe(1)
  const registering = await catalogueCommand(access.url)
  expect(registering.output.trim().split('\n')).toEqual(events.map(({ type }) => expect.stringMatching(`^${type} is registered as`)))
  expect(registering.code).toBe(0)

  await using fixture = await createFixture({ groups: ['email-workers'] })
  const options = { brokers: inject('kafkaBootstrap'), clientId: 'avro', topic: fixture.topic }
  await expect(connectPublisher({ ...options, schemaRegistry: { ...access, url: access.wrong } })).rejects.toMatchObject({
    reason: 'refused',
    message: expect.stringContaining('refuses the login (HTTP 401): correct user and password in `schemaRegistry.url`'),
  })
  const publisher = await connectPublisher({ ...options, schemaRegistry: access })
  const platform = new Platform(fixture.sql)
  const campaign = await platform.campaign()
  await publisher.publishUserSignedUp({ ...campaign, ...(await platform.person(campaign)) })
  await publisher.close()

  const daemon = fixture.daemon({
    KAFKA_START_FROM: 'earliest',
    KAFKA_SCHEMA_REGISTRY_URL: access.url,
    KAFKA_SCHEMA_REGISTRY_CA_FILE: caFile,
  })
  await daemon.ready()
  await eventually('the event is accepted', async () => {
    const outcomes = await fixture.sql.query<{ outcome: string }>('SELECT outcome FROM worker.outcomes')
    return outcomes.some(({ outcome }) => outcome === 'accepted') || JSON.stringify(outcomes)
  })
})
