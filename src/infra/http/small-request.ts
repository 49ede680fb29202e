import type { IncomingMessage, ServerResponse } from 'node:http'

/** Bytes of a body at most. */
export const MOST_BODY_BYTES = 4_096

/** The body as text; null when it is longer than {@link MOST_BODY_BYTES}. */
export async function readBody(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request) {
    const part = Buffer.from(chunk)
    bytes += part.length
    if (bytes > MOST_BODY_BYTES) return null
    chunks.push(part)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** The body as an object of JSON; null when it is anything else. */
export function objectOf(body: string): { readonly [key: string]: unknown } | null {
  try {
    const value: unknown = JSON.parse(body)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : null
  } catch {
    // V8's message would quote the body.
    return null
  }
}

/** Answers with an object of JSON. */
export function reply(response: ServerResponse, status: number, body: object, headers: Readonly<Record<string, string>> = {}): void {
  const text = `${JSON.stringify(body)}\n`
  if (response.headersSent) return void response.destroy()
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
    ...headers,
  })
  response.end(text)
}

/** A refusal closes the connection: the rest of the request is not read. */
export function refuse(response: ServerResponse, status: number, error: string, headers: Readonly<Record<string, string>> = {}): void {
  reply(response, status, { error }, { connection: 'close', ...headers })
}
