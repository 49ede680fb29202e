import { get } from 'node:http'

/**
 * The response to a GET of this machine or another, over a connection of its own.
 *
 * @throws {Error} with Node's code: ABORT_ERR after `deadlineMs`, `response too long` beyond `mostCharacters`, or that of the connection.
 */
export function getText(
  to: { readonly host: string; readonly port: number; readonly path: string },
  { deadlineMs, mostCharacters }: { readonly deadlineMs: number; readonly mostCharacters: number },
): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const request = get({ ...to, agent: false, signal: AbortSignal.timeout(deadlineMs) }, (response) => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (part: string) => {
        body += part
        if (body.length > mostCharacters) request.destroy(Object.assign(new Error('too long'), { code: 'response too long' }))
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }))
      response.on('error', reject)
    })
    request.on('error', reject)
  })
}
