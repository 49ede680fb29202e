const endOfHead = Buffer.from('\r\n\r\n')

const taken = 'HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nok'
const refused = 'HTTP/1.1 411 Length Required\r\ncontent-length: 0\r\nconnection: close\r\n\r\n'

export interface Post {
  /** Request line and headers. */
  readonly head: string
  readonly body: Buffer
}

/** One HTTP/1.1 connection from the server's side, for requests that name the length of their body. Answers 200 to each. */
export class HttpConversation {
  #rest: Buffer = Buffer.alloc(0)
  readonly #onPost: (post: Post) => void

  /** @param onPost called for each whole request, before its answer */
  constructor(onPost: (post: Post) => void) {
    this.#onPost = onPost
  }

  /** The answers to what has come; `quit` when the connection ends after them. */
  take(chunk: Buffer): { readonly replies: string; readonly quit: boolean } {
    let data = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    let replies = ''
    for (;;) {
      const end = data.indexOf(endOfHead)
      if (end === -1) break
      const head = data.toString('latin1', 0, end)
      const length = /^content-length: *(\d+)\r?$/im.exec(head)?.[1]
      if (length === undefined) return { replies: replies + refused, quit: true }
      const from = end + endOfHead.length
      const to = from + Number(length)
      if (data.length < to) break
      this.#onPost({ head, body: data.subarray(from, to) })
      replies += taken
      data = data.subarray(to)
    }
    this.#rest = data
    return { replies, quit: false }
  }
}
