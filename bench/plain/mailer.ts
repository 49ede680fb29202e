import { readFileSync } from 'node:fs'
import mustache from 'mustache'
import { createTransport } from 'nodemailer'
import { POOL, setting, type PlainEvent } from './group.ts'

/** The welcome mail, from what the event says, through nodemailer's pool. */
export function mailer() {
  const [html, text] = ['welcome.html.mustache', 'welcome.txt.mustache'].map((name) => readFileSync(new URL(name, import.meta.url), 'utf8'))
  const transport = createTransport({
    host: setting('SMTP_HOST'),
    port: Number(setting('SMTP_PORT')),
    ignoreTLS: true,
    pool: true,
    maxConnections: POOL,
    maxMessages: Infinity,
  })
  return {
    send: async ({ campaign_id, data }: PlainEvent): Promise<void> => {
      const values = { ...data, campaign_name: campaign_id }
      await transport.sendMail({
        from: 'Waitlist <hello@example.com>',
        to: String(data['email']),
        subject: 'You are on the list',
        html: mustache.render(html ?? '', values),
        text: mustache.render(text ?? '', values, {}, { escape: String }),
      })
    },
    close: () => transport.close(),
  }
}
