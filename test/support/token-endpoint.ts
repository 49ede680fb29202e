import type { AddressInfo } from 'node:net'
import http from 'node:http'
import { unsignedToken } from '../../stack/kafka-listeners.ts'

/** An authorization server that gives tokens to the client `worker`, by the client credentials grant. */
export interface TokenEndpoint {
  readonly url: string
  readonly client: { readonly id: string; readonly secret: string }
  /** How many requests it has answered. */
  requests(): number
  /** The form fields of the last request. */
  lastForm(): Readonly<Record<string, string>>
  stop(): Promise<void>
}

/** @param validMs how long its tokens are valid, in whole seconds */
export async function startTokenEndpoint(validMs: number): Promise<TokenEndpoint> {
  // A colon, a space and a percent sign: all that an encoding can get wrong.
  const client = { id: 'worker:1', secret: 'client hidden%word' }
  const expected = `Basic ${Buffer.from('worker%3A1:client+hidden%25word').toString('base64')}`
  let requests = 0
  let form: Record<string, string> = {}
  const server = http.createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += String(chunk)))
    request.on('end', () => {
      requests += 1
      form = Object.fromEntries(new URLSearchParams(body))
      const isGranted = request.headers.authorization === expected && form['grant_type'] === 'client_credentials'
      response.writeHead(isGranted ? 200 : 401, { 'content-type': 'application/json' })
      const granted = { access_token: unsignedToken('worker', validMs), token_type: 'bearer', expires_in: validMs / 1_000 }
      response.end(JSON.stringify(isGranted ? granted : { error: 'invalid_client', error_description: 'hidden reason' }))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a server on a port has an address of this kind
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/oauth2/token`,
    client,
    requests: () => requests,
    lastForm: () => form,
    stop: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
