import { once } from 'node:events'
import { createServer } from 'node:http'
import type { ServerResponse } from 'node:http'
import PostalMime from 'postal-mime'
import type { Email } from 'postal-mime'
import type { SmtpMail, SmtpSink } from '../../stack/smtp-sink.ts'
import { listDocument, mailDocument, missingDocument } from './mail-page-html.ts'

export interface MailPage {
  readonly url: string
  close(): Promise<void>
}

/** How many mails the list shows, newest first. */
const LISTED = 100

/** Pages on 127.0.0.1 that show the received mails. The HTML of a mail runs in a sandbox without scripts, forms, or an origin. */
export async function startMailPage(sink: Pick<SmtpSink, 'mails' | 'counters'>): Promise<MailPage> {
  const parsed = new WeakMap<SmtpMail, Promise<Email>>()
  const parse = (mail: SmtpMail): Promise<Email> => {
    const known = parsed.get(mail) ?? PostalMime.parse(mail.raw ?? '')
    parsed.set(mail, known)
    return known
  }
  const find = (id: string) => sink.mails.find(({ messageId }) => messageId === id)

  async function answer(path: string, response: ServerResponse): Promise<void> {
    const [, room = '', id = ''] = path.split('/')
    if (room === '') {
      const listed = sink.mails.slice(-LISTED).toReversed()
      const entries = await Promise.all(listed.map(async (mail) => ({ mail, email: await parse(mail) })))
      return send(response, 200, listDocument(entries, sink.counters.mails), PAGE_POLICY)
    }
    const mail = find(decoded(id))
    if (mail === undefined || !['mail', 'html'].includes(room)) return send(response, 404, missingDocument(), PAGE_POLICY)
    const email = await parse(mail)
    if (room === 'html') return send(response, 200, email.html ?? '', MAIL_POLICY)
    return send(response, 200, mailDocument(mail, email), PAGE_POLICY)
  }

  const server = createServer((request, response) => {
    const path = (request.url ?? '/').split('?', 1)[0] ?? '/'
    // A mail that cannot be parsed; no page explains it.
    answer(path, response).catch(() => response.writeHead(500).end())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  return {
    url: `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}/`,
    close: async () => {
      server.closeAllConnections()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

/** An invalid percent-encoding is the id of no mail. */
function decoded(id: string): string {
  try {
    return decodeURIComponent(id)
  } catch {
    // Taken literally; it matches no mail.
    return id
  }
}

const PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; base-uri 'none'; form-action 'none'"
/** `sandbox` holds even where somebody opens the address without our frame. */
const MAIL_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"

function send(response: ServerResponse, status: number, body: string, policy: string): void {
  response
    .writeHead(status, {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': policy,
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cache-control': 'no-store',
    })
    .end(body)
}
