const endOfBody = Buffer.from('\r\n.\r\n')
const endOfLine = Buffer.from('\r\n')

/** One SMTP connection from the server's side, as little of it as a client needs that sends mails in order. Takes every mail. */
export class SmtpConversation {
  readonly greeting = '220 sink\r\n'
  #rest: Buffer = Buffer.alloc(0)
  #recipients: string[] = []
  #bodyBytes = 0
  #inBody = false
  readonly #onMail: (recipients: readonly string[], bytes: number) => void

  /** @param onMail called at each final dot, before its reply; `bytes` of the message, with dots stuffed */
  constructor(onMail: (recipients: readonly string[], bytes: number) => void) {
    this.#onMail = onMail
  }

  /** The replies to what has come, all of them for one write; `quit` when the connection ends after them. */
  take(chunk: Buffer): { readonly replies: string; readonly quit: boolean } {
    const data = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    let replies = ''
    let at = 0
    for (;;) {
      const mark = this.#inBody ? endOfBody : endOfLine
      const end = data.indexOf(mark, at)
      if (end === -1) {
        // Of a body only what may be the beginning of its end.
        const from = this.#inBody ? Math.max(at, data.length - endOfBody.length + 1) : at
        if (this.#inBody) this.#bodyBytes += from - at
        this.#rest = data.subarray(from)
        return { replies, quit: false }
      }
      if (this.#inBody) {
        this.#onMail(this.#recipients, this.#bodyBytes + end - at)
        this.#inBody = false
        replies += '250 taken\r\n'
      } else {
        const line = data.toString('latin1', at, end)
        replies += this.#replyTo(line)
        if (/^QUIT/i.test(line)) return { replies, quit: true }
      }
      // The end of the line DATA is also the one before a dot that follows at once.
      at = this.#inBody ? end : end + mark.length
    }
  }

  #replyTo(line: string): string {
    switch (line.slice(0, 4).toUpperCase()) {
      case 'EHLO':
        return '250-sink\r\n250-PIPELINING\r\n250 8BITMIME\r\n'
      case 'MAIL':
        this.#recipients = []
        return '250 ok\r\n'
      case 'RCPT':
        this.#recipients.push(/<([^>]*)>/.exec(line)?.[1] ?? '')
        return '250 ok\r\n'
      case 'DATA':
        this.#inBody = true
        this.#bodyBytes = 0
        return '354 go on\r\n'
      case 'QUIT':
        return '221 bye\r\n'
      default:
        return '250 ok\r\n'
    }
  }
}
