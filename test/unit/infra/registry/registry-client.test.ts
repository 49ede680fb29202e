import http from 'node:http'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { createRegistryClient, SchemaTooLong } from '../../../../src/infra/registry/registry-client.ts'
import { createAuthority } from '../../../../stack/certificates.ts'

interface Request {
  readonly method: string
  readonly path: string
  readonly login: string
  readonly body: unknown
}
const open: http.Server[] = []
afterEach(() => {
  for (const server of open.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

/** A server that gives one answer, or none; what it was requested. */
async function answering(status: number | null, body: unknown = {}, type?: string) {
  const requests: Request[] = []
  const server = http.createServer((request, response) => {
    let text = ''
    request.on('data', (part: Buffer) => (text += String(part)))
    request.on('end', () => {
      const { method = '', url = '', headers } = request
      requests.push({ method, path: url, login: headers.authorization ?? '', body: text === '' ? null : JSON.parse(text) })
      if (status === null) return
      response.writeHead(status, { ...(status === 302 && { location: '/elsewhere' }), ...(type !== undefined && { 'content-type': type }) })
      response.end(typeof body === 'string' ? body : JSON.stringify(body))
    })
  })
  open.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a server on a port has an address of this kind
  const { port } = server.address() as AddressInfo
  const origin = `http://127.0.0.1:${port}`
  const access = { url: `http://worker:hush%40@127.0.0.1:${port}/apis/ccompat/v7/` }
  // Short only where no answer is waited for: a busy machine takes its time for the others.
  const client = createRegistryClient(() => access, { deadlineMs: status === null ? 200 : 60_000 })
  return { origin, client, requests, server }
}

describe('the registry', () => {
  it('is requested under the path of its API, with the login', async () => {
    const { client, requests } = await answering(200, { schema: '"string"' })
    expect(await client.schema(7)).toEqual({ type: 'AVRO', text: '"string"', references: [] })
    expect(requests).toEqual([
      {
        method: 'GET',
        path: '/apis/ccompat/v7/schemas/ids/7',
        login: `Basic ${Buffer.from('worker:hush@').toString('base64')}`,
        body: null,
      },
    ])
  })

  it('says the kind of a schema, and what it refers to', async () => {
    const { client } = await answering(200, {
      schema: '{}',
      schemaType: 'JSON',
      references: [{ name: 'a', subject: 's', version: 2 }, { name: 'b' }],
    })
    expect(await client.version('s t', 2)).toEqual({ type: 'JSON', text: '{}', references: [{ subject: 's', version: 2 }] })
  })

  it('gets schemas to find, to compare and to register', async () => {
    const { client, requests } = await answering(200, { id: 7, is_compatible: true })
    expect(await client.idOf('a/b', '"string"')).toBe(7)
    expect(await client.wouldTake('a/b', '"string"')).toBe(true)
    expect(await client.register('a/b', '"string"')).toBe(7)
    const body = { schema: '"string"', schemaType: 'AVRO' }
    expect(requests.map(({ method, path, body: sent }) => [method, path, sent])).toEqual([
      ['POST', '/apis/ccompat/v7/subjects/a%2Fb', body],
      ['GET', '/apis/ccompat/v7/subjects/a%2Fb/versions/latest', null],
      ['POST', '/apis/ccompat/v7/compatibility/subjects/a%2Fb/versions/latest', body],
      ['POST', '/apis/ccompat/v7/subjects/a%2Fb/versions', body],
    ])
  })

  it.each([40_401, 40_402, 40_403])('knows no such thing: %i', async (code) => {
    const { client } = await answering(404, { error_code: code, message: 'not found' })
    expect([await client.schema(7), await client.version('s', 1), await client.idOf('s', ''), await client.wouldTake('s', '')]).toEqual([
      null,
      null,
      null,
      null,
    ])
  })

  it.each<[number, unknown, string]>([
    [401, '', 'refuses the login (HTTP 401): correct user and password in KAFKA_SCHEMA_REGISTRY_URL'],
    [403, { error_code: 40301 }, 'refuses the login (HTTP 403, 40301): correct user and password in KAFKA_SCHEMA_REGISTRY_URL'],
    [409, { error_code: 409, message: 'hidden' }, 'refuses the schema as incompatible with the versions it has (HTTP 409, 409)'],
    [422, { error_code: 42201 }, 'refuses the schema as invalid (HTTP 422, 42201)'],
    [500, { error_code: 50001 }, 'fails (HTTP 500, 50001): check its health'],
    [503, '<html>', 'fails (HTTP 503): check its health'],
    [429, '', 'fails (HTTP 429): check its health'],
    [
      404,
      '<html>',
      'does not answer as one (HTTP 404): KAFKA_SCHEMA_REGISTRY_URL needs the path of its Confluent API, such as /apis/ccompat/v7',
    ],
    [
      200,
      '<html>',
      'does not answer as one (HTTP 200): KAFKA_SCHEMA_REGISTRY_URL needs the path of its Confluent API, such as /apis/ccompat/v7',
    ],
    [302, '', 'does not answer as one (HTTP 302): KAFKA_SCHEMA_REGISTRY_URL needs the path of its Confluent API, such as /apis/ccompat/v7'],
  ])('that answers %i with %j is reported with the way out', async (status, body, sentence) => {
    const { client, origin, requests } = await answering(status, body)
    await expect(client.register('s', '"string"')).rejects.toThrow(`the schema registry at ${origin} ${sentence}`)
    expect(requests).toHaveLength(1)
  })

  it('that is another server says nothing about a schema', async () => {
    const { client } = await answering(200, { status: 'fine' })
    const strange = 'does not answer as one (HTTP 200)'
    await expect(client.schema(7)).rejects.toThrow(strange)
    await expect(client.idOf('s', '"string"')).rejects.toThrow(strange)
    await expect(client.register('s', '"string"')).rejects.toThrow(strange)
  })

  it('gets the login as it is at the time of a request', async () => {
    const { origin, requests } = await answering(200, { schema: '' })
    let password = 'old'
    const client = createRegistryClient(() => ({ url: origin.replace('//', `//worker:${password}@`) }))
    await client.schema(7)
    password = 'new'
    await client.schema(8)
    expect(requests.map(({ login }) => Buffer.from(login.slice(6), 'base64').toString())).toEqual(['worker:old', 'worker:new'])
  })

  it('is trusted over TLS by the authorities that are given, and by no others', async () => {
    const authority = await createAuthority('authority of a test')
    const { cert, key } = await authority.server(['127.0.0.1'])
    const server = https.createServer({ cert, key }, (_, response) => response.end('{"schema":""}'))
    open.push(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a server on a port has an address of this kind
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
    expect(await createRegistryClient(() => ({ url, ca: authority.ca })).schema(7)).not.toBeNull()
    await expect(createRegistryClient(() => ({ url })).schema(7)).rejects.toThrow(
      /^the certificate of the schema registry at https:\/\/127.0.0.1:\d+ is not signed by a trusted authority \(\w+\): correct KAFKA_SCHEMA_REGISTRY_URL or KAFKA_SCHEMA_REGISTRY_CA_FILE$/,
    )
  })

  it('that does not answer in time or is away is reported', async () => {
    const silent = await answering(null)
    await expect(silent.client.schema(7)).rejects.toThrow(
      `the schema registry at ${silent.origin} does not answer (no answer within 0.2 s): start it, or correct KAFKA_SCHEMA_REGISTRY_URL`,
    )
    const away = await answering(200)
    await new Promise((resolve) => away.server.close(resolve))
    await expect(away.client.schema(7)).rejects.toThrow('does not answer (ECONNREFUSED)')
  })

  it.each([
    ['a schema', 200, 'application/vnd.schemaregistry.v1+json', true],
    ['a schema in plain JSON', 200, 'application/json; charset=utf-8', true],
    ['a page', 200, 'text/html', false],
    ['a fault', 500, 'application/json', false],
    ['an answer of no kind', 200, undefined, false],
  ])('that answers with %s of more than a million characters is reported as a refusal', async (_, status, type, isSchema) => {
    const { client, origin } = await answering(status, ' '.repeat(2_000_000), type)
    const refused: unknown = await client.schema(7).catch((error: unknown) => error)
    expect(refused).toMatchObject({
      message: `the schema registry at ${origin} answers with more than 1000000 characters: correct KAFKA_SCHEMA_REGISTRY_URL`,
      isRefusal: true,
    })
    expect(refused instanceof SchemaTooLong).toBe(isSchema)
  })

  it('that speaks no TLS is reported as such', async () => {
    const { origin } = await answering(200)
    const client = createRegistryClient(() => ({ url: origin.replace('http:', 'https:') }))
    await expect(client.schema(7)).rejects.toThrow(
      /^the TLS handshake with the schema registry at https:\/\/127.0.0.1:\d+ fails \(\w+\): correct KAFKA_SCHEMA_REGISTRY_URL or/,
    )
  })
})
