import { createHash } from 'node:crypto'
import PostalMime from 'postal-mime'
import type { SmtpMail, SmtpRespond, SmtpSink } from '../../../stack/smtp-sink.ts'
import type { WebhookCall, WebhookSink } from '../../../stack/webhook-sink.ts'
import type { Mail } from '../../invariants/history.ts'
import type { Recorder } from './recorder.ts'

/** What arrived and waits to be written: how it was answered is known a little later, or never. */
export interface RecordedSinks {
  /** Writes what has its answer; with `all`, what will never get one too. */
  flush(all?: boolean): Promise<void>
}

/** Records every mail that reached its final dot and every request that was read. The sink must keep bodies; it need not keep many. */
export function recordSinks(recorder: Recorder, smtp: SmtpSink, webhooks: WebhookSink): RecordedSinks {
  const mails = new Set<SmtpMail>()
  const calls = new Set<WebhookCall>()
  smtp.onMail((mail) => mails.add(mail))
  webhooks.onCall((call) => calls.add(call))
  return {
    async flush(all = false) {
      for (const mail of mails) {
        if (!all && mail.reply === undefined) continue
        // Taken out first: another flush may be under way.
        mails.delete(mail)
        recorder.record(await entryOf(mail))
      }
      for (const call of calls) {
        if (!all && call.status === undefined) continue
        calls.delete(call)
        const { at, id, path, bodySha256, signatureOk, status = null } = call
        recorder.record({ is: 'webhook', at, id, path, bodySha256, signatureOk, status })
      }
    },
  }
}

/** Records the relay's replies to recipients that it refuses. The reply to the final dot is in the mail. */
export function recordRefusals(recorder: Recorder, smtp: SmtpSink): SmtpSink {
  const recorded =
    (respond: SmtpRespond): SmtpRespond =>
    async (stage, about) => {
      const reply = await respond(stage, about)
      const { address: recipient } = about
      if (stage === 'rcpt' && recipient !== undefined && reply?.code !== undefined && reply.code >= 400)
        recorder.record({ is: 'refused', at: Date.now(), recipient, reply: reply.code })
      return reply
    }
  return { ...smtp, respondWith: (respond) => smtp.respondWith(respond && recorded(respond)) }
}

async function entryOf(mail: SmtpMail): Promise<Mail> {
  const { at, messageId, recipients, subject, headers, reply = null, raw = Buffer.alloc(0) } = mail
  const sha256 = createHash('sha256').update(raw).digest('hex')
  const { subject: words = '', text = '' } = await PostalMime.parse(raw)
  const position = positionIn(words, text)
  const entry = { is: 'mail', at, messageId, recipients, subject, type: headers['x-mail-type'] ?? null, sha256, reply } as const
  return position === undefined ? entry : { ...entry, position }
}

/** The words of the built-in position mail, and of the demo's own template for it. Other mails name a position too, and promise nothing of it. */
function positionIn(subject: string, text: string): number | undefined {
  const own = /^You are number (\d+)$/.exec(subject)
  const builtIn = text.includes('Someone you invited has joined') ? /Your position: #(\d+)/.exec(text) : null
  const found = own?.[1] ?? builtIn?.[1]
  return found === undefined ? undefined : Number(found)
}
