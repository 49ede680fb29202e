import { describe, expect, it } from 'vitest'
import { HttpConversation } from '../../../bench/sinks/http-conversation.ts'
import { SmtpConversation } from '../../../bench/sinks/smtp-conversation.ts'

/** Cut after every so many bytes: what a network may do to it. */
function pieces(text: string, size: number): Buffer[] {
  const whole = Buffer.from(text, 'latin1')
  return Array.from({ length: Math.ceil(whole.length / size) }, (_, index) => whole.subarray(index * size, (index + 1) * size))
}

const mail = (to: string, body: string) => `MAIL FROM:<a@example.com>\r\nRCPT TO:<${to}>\r\nDATA\r\n${body}.\r\n`
const post = (body: string) => `POST /hook HTTP/1.1\r\nHost: example.com\r\nContent-Length: ${body.length}\r\n\r\n${body}`

const sizes = [1, 2, 3, 5, 7, 64, 10_000]

describe('SmtpConversation', () => {
  const bodies = ['Subject: one\r\n\r\nText\r\n', '..\r\n.. no end\r\n', '']
  const said = `EHLO there\r\n${bodies.map((body, index) => mail(`person-${index}@example.com`, body)).join('')}NOOP\r\nQUIT\r\n`

  it.each(sizes)('takes pipelined mails that arrive in pieces of %i bytes, and replies to each command once', (size) => {
    const mails: { recipients: readonly string[]; bytes: number }[] = []
    const conversation = new SmtpConversation((recipients, bytes) => mails.push({ recipients, bytes }))
    const taken = pieces(said, size).map((piece) => conversation.take(piece))
    expect(mails.map(({ recipients }) => recipients)).toEqual([0, 1, 2].map((index) => [`person-${index}@example.com`]))
    // The line ends around a body belong to its frame.
    expect(mails.map(({ bytes }) => bytes)).toEqual(bodies.map((body) => body.length))
    const codes = taken
      .map(({ replies }) => replies)
      .join('')
      .replaceAll(/ .*\r\n|-.*\r\n/g, ' ')
      .trim()
      .split(' ')
    const ofMail = ['250', '250', '354', '250']
    expect(codes).toEqual(['250', '250', '250', ...ofMail, ...ofMail, ...ofMail, '250', '221'])
    expect(taken.at(-1)?.quit).toBe(true)
  })

  it('sends nothing to a client that has not ended its mail', () => {
    const conversation = new SmtpConversation(() => expect.unreachable())
    conversation.take(Buffer.from('DATA\r\n'))
    expect(conversation.take(Buffer.from('text\r\n.')).replies).toBe('')
  })
})

describe('HttpConversation', () => {
  it.each(sizes)('takes requests on one connection that arrive in pieces of %i bytes', (size) => {
    const seen: string[] = []
    const conversation = new HttpConversation(({ head, body }) => seen.push(`${head.split(' ')[1]} ${body.toString()}`))
    const replies = pieces([post('{"a":1}'), post(''), post('\r\n\r\n')].join(''), size).map((piece) => conversation.take(piece).replies)
    expect(seen).toEqual(['/hook {"a":1}', '/hook ', '/hook \r\n\r\n'])
    expect(replies.join('').match(/HTTP\/1\.1 200 OK/g)).toHaveLength(3)
  })

  it('refuses a body of unknown length, which it could not follow', () => {
    const conversation = new HttpConversation(() => expect.unreachable())
    const taken = conversation.take(Buffer.from('POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'))
    expect(taken).toEqual({ replies: expect.stringMatching(/^HTTP\/1\.1 411 /), quit: true })
  })
})
