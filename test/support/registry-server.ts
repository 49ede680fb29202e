import type { AddressInfo } from 'node:net'
import http from 'node:http'
import https from 'node:https'
import type { Certificate } from '../../stack/certificates.ts'

/** A schema registry in this process, with the calls of Confluent's API by which schemas are registered and read. */
export interface RegistryServer extends AsyncDisposable {
  /** Of its API, without a login. */
  readonly url: string
  /** The same with a login. */
  urlFor(login: string): string
  /** Registers an Avro schema and returns its id. */
  register(subject: string, schema: string): number
  /** Whether it keeps requests without an answer from now on, or answers those that it has kept, too. */
  hang(on: boolean): void
  /** Paths of the requests that came, in their order. */
  readonly requests: readonly string[]
}

export interface RegistryServerOptions {
  /** `user:password`; without, it needs no login. */
  readonly login?: string
  /** Without, it speaks no TLS. */
  readonly certificate?: Certificate
}

export async function startRegistryServer({ login, certificate }: RegistryServerOptions = {}): Promise<RegistryServer> {
  /** The id of each is its place in the list, from 1. */
  const schemas: { subject: string; schema: string }[] = []
  const requests: string[] = []
  let kept: (() => void)[] | null = null
  const idOf = (subject: string, schema: string) => schemas.findIndex((one) => one.subject === subject && one.schema === schema) + 1
  const register = (subject: string, schema: string) => idOf(subject, schema) || schemas.push({ subject, schema })

  function answer({ method, url = '', headers }: http.IncomingMessage, body: string): [status: number, fields: object] {
    if (login !== undefined && headers.authorization !== `Basic ${Buffer.from(login).toString('base64')}`)
      return [401, { error_code: 40101 }]
    const byId = /^\/api\/schemas\/ids\/(\d+)$/.exec(url)
    if (byId !== null) {
      const found = schemas[Number(byId[1]) - 1]
      return found === undefined ? [404, { error_code: 40403 }] : [200, { schema: found.schema }]
    }
    const bySubject = /^\/api\/subjects\/([^/]+)(\/versions)?$/.exec(url)
    if (method !== 'POST' || bySubject?.[1] === undefined) return [404, {}]
    const { schema }: { schema: string } = JSON.parse(body)
    const subject = decodeURIComponent(bySubject[1])
    const id = bySubject[2] === undefined ? idOf(subject, schema) : register(subject, schema)
    return id === 0 ? [404, { error_code: 40403 }] : [200, { id }]
  }

  const listener: http.RequestListener = (request, response) => {
    let body = ''
    requests.push(request.url ?? '')
    const send = () => {
      const [status, fields] = answer(request, body)
      response.writeHead(status, { 'content-type': 'application/json' })
      response.end(JSON.stringify(fields))
    }
    request.on('data', (part: Buffer) => (body += String(part)))
    request.on('end', () => void (kept === null ? send() : kept.push(send)))
  }
  const server = certificate === undefined ? http.createServer(listener) : https.createServer(certificate, listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a server on a port has an address of this kind
  const { port } = server.address() as AddressInfo
  const scheme = certificate === undefined ? 'http' : 'https'
  return {
    url: `${scheme}://127.0.0.1:${port}/api`,
    urlFor: (as) => `${scheme}://${as}@127.0.0.1:${port}/api`,
    register,
    requests,
    hang(on) {
      const answers = kept ?? []
      kept = on ? answers : null
      if (!on) for (const send of answers) send()
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
