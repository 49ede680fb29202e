import type { WebhookAnswer } from '../../../stack/webhook-sink.ts'

/** A status with a body that never ends, a byte after each pause. The connection stays until the client leaves it. */
export function drippingBody(everyMs: number, status = 200): WebhookAnswer {
  return {
    raw: (response) => {
      response.writeHead(status)
      const timer = setInterval(() => response.write('.'), everyMs)
      response.once('close', () => clearInterval(timer))
    },
  }
}

/** A status line, and then headers that never end, a line after each pause: the client never learns its status. */
export function drippingHeaders(everyMs: number): WebhookAnswer {
  return {
    raw: ({ socket }) => {
      let line = 1
      socket?.write('HTTP/1.1 200 OK\r\n')
      const timer = setInterval(() => socket?.write(`x-${line++}: y\r\n`), everyMs)
      socket?.once('close', () => clearInterval(timer))
    },
  }
}

/** A body without end, as fast as the client reads it. */
export function endlessBody(status = 200): WebhookAnswer {
  const piece = Buffer.alloc(65_536, '.')
  return {
    raw: (response) => {
      response.writeHead(status)
      const more = () => {
        while (!response.destroyed && response.write(piece));
      }
      response.on('drain', more)
      more()
    },
  }
}

/** The status and half of the promised body, then the connection is cut. */
export function cutBody(status = 200): WebhookAnswer {
  return {
    raw: (response) => {
      response.writeHead(status, { 'content-length': '20' })
      response.write('half of it', () => response.socket?.destroy())
    },
  }
}

/** Half a status line, then the connection is cut. */
export function cutHead(): WebhookAnswer {
  return { raw: ({ socket }) => void socket?.write('HTTP/1.1 2', () => socket.destroy()) }
}

/** No answer at all, on a connection that stays. */
export function silence(): WebhookAnswer {
  return { raw: () => undefined }
}

export function redirect(to: string, status: 301 | 302 | 303 | 307 | 308 = 302): WebhookAnswer {
  return { status, headers: { location: to } }
}

export function tooBusy(retryAfter: string, status: 429 | 503 = 429): WebhookAnswer {
  return { status, headers: { 'retry-after': retryAfter } }
}

/** Every kind of `Retry-After` that a receiver may send, right (RFC 9110, 10.2.3) and wrong. */
export function retryAfterKinds(now = Date.now()): Readonly<Record<string, string>> {
  const date = (inMs: number) => new Date(now + inMs).toUTCString()
  return {
    seconds: '2',
    'no seconds': '0',
    'a date to come': date(3_000),
    'a date that has passed': date(-3_600_000),
    'a date in ten years': date(315_360_000_000),
    'longer than anybody waits': '86400000',
    'more digits than a number holds': '9'.repeat(40),
    'a negative number': '-5',
    'a fraction': '1.5',
    words: 'soon',
    nothing: '',
    'two values': '1, 2',
  }
}
