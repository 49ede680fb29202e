import type { ProxyAction, Watched } from './proxied-connection.ts'
import type { TcpProxy } from './tcp-proxy.ts'

/** A statement that a client of PostgreSQL has just sent whole. */
export interface Statement {
  /** `application_name` of its connection. */
  readonly application: string
  readonly text: string
  /** What the connection has sent since BEGIN, this one included; the statement alone outside a transaction. */
  readonly transaction: readonly string[]
}

/**
 * Shows each statement to `judge` before its last bytes reach the server, and does with them as it decides; the returned function ends
 * that. Connections that were open before are not understood, and pass.
 *
 * Messages of a client: https://www.postgresql.org/docs/current/protocol-message-formats.html
 */
export function onStatement(proxy: TcpProxy, judge: (statement: Statement, connection: Watched) => ProxyAction | undefined): () => void {
  const talks = new Map<number, Talk>()
  return proxy.onClientBytes((bytes, connection) => {
    const talk = talks.get(connection.id) ?? new Talk()
    talks.set(connection.id, talk)
    for (const statement of talk.hear(bytes)) {
      const verdict = judge(statement, connection)
      if (verdict !== undefined) return verdict
    }
    return undefined
  })
}

/** `SSLRequest`, answered in one byte before the client really begins. */
const SSL_REQUEST = 80_877_103
const VERSION_3 = 196_608

/** What one client says, from its first byte. */
class Talk {
  #bytes = Buffer.alloc(0)
  #application: string | null = null
  #known = true
  readonly #prepared = new Map<string, string>()
  #bound: string | null = null
  #transaction: string[] | null = null

  hear(more: Buffer): Statement[] {
    const received: Statement[] = []
    this.#bytes = Buffer.concat([this.#bytes, more])
    while (this.#known && this.#application === null && this.#bytes.length >= 8) {
      const body = this.#take(0)
      if (body === null) return received
      const version = body.readInt32BE(0)
      if (version === VERSION_3) this.#application = parameter(body, 'application_name')
      else this.#known = version === SSL_REQUEST
    }
    while (this.#known && this.#application !== null && this.#bytes.length >= 5) {
      const type = String.fromCharCode(this.#bytes[0] ?? 0)
      const body = this.#take(1)
      if (body === null) return received
      const text = this.#said(type, body)
      if (text !== null) received.push(this.#statement(text))
    }
    if (!this.#known) this.#bytes = Buffer.alloc(0)
    return received
  }

  /** The next message without its head, when all of it is there. */
  #take(head: 0 | 1): Buffer | null {
    const length = this.#bytes.readInt32BE(head)
    if (this.#bytes.length < head + length) return null
    const body = this.#bytes.subarray(head + 4, head + length)
    this.#bytes = this.#bytes.subarray(head + length)
    return body
  }

  #said(type: string, body: Buffer): string | null {
    switch (type) {
      case 'Q':
        return textAt(body, 0)
      case 'P': {
        const name = textAt(body, 0)
        this.#prepared.set(name, textAt(body, Buffer.byteLength(name) + 1))
        return null
      }
      case 'B': {
        const portal = textAt(body, 0)
        this.#bound = this.#prepared.get(textAt(body, Buffer.byteLength(portal) + 1)) ?? null
        return null
      }
      case 'S': {
        const text = this.#bound
        this.#bound = null
        return text
      }
      default:
        return null
    }
  }

  #statement(text: string): Statement {
    if (/^BEGIN\b/.test(text)) this.#transaction = []
    this.#transaction?.push(text)
    const transaction = this.#transaction === null ? [text] : [...this.#transaction]
    if (/^(COMMIT|ROLLBACK)\b/.test(text)) this.#transaction = null
    return { application: this.#application ?? '', text, transaction }
  }
}

/** Up to the zero byte. */
function textAt(bytes: Buffer, from: number): string {
  return bytes.toString('utf8', from, bytes.indexOf(0, from))
}

function parameter(startup: Buffer, name: string): string {
  const words = startup.toString('utf8', 4).split('\0')
  const at = words.findIndex((word, index) => index % 2 === 0 && word === name)
  return at < 0 ? '' : (words[at + 1] ?? '')
}
