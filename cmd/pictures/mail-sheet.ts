import PostalMime from 'postal-mime'
import type { EncodedText } from '../../src/delivery/email/mime.ts'
import type { MailType } from '../../src/delivery/email/mail-message.ts'
import { createTemplateEngine } from '../../src/infra/mail/templates/template-engine.ts'

/** A page and the size at which all of it is seen, in pixels. */
export interface Sheet {
  readonly html: string
  readonly width: number
  readonly height: number
}

const shown: readonly MailType[] = ['welcome', 'position_update', 'reward_delivery']
const MAIL_WIDTH = 440
const HEIGHT = 760

/** Three built-in mails side by side, as wide as a phone shows them; each in light or dark as the reader's system is. */
export async function mailSheet(): Promise<Sheet> {
  const engine = createTemplateEngine()
  try {
    const mails = await Promise.all(shown.map((type) => engine.render({ from: 'built-in', type }, values, { primaryColor: '#4f46e5' })))
    const pages = await Promise.all(mails.map(({ html }) => decoded(html)))
    const frames = pages.map((page) => `<iframe srcdoc="${attribute(page)}"></iframe>`)
    const style = `body { margin: 0; display: flex } iframe { border: 0; width: ${MAIL_WIDTH}px; height: ${HEIGHT}px }`
    const html = `<!doctype html><meta charset="utf-8"><meta name="color-scheme" content="light dark"><style>${style}</style>${frames.join('')}`
    return { html, width: MAIL_WIDTH * shown.length, height: HEIGHT }
  } finally {
    await engine.close()
  }
}

/** The HTML that a mail client reads. */
async function decoded(body: EncodedText): Promise<string> {
  const fields = 'Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n'
  return (await PostalMime.parse(fields + body)).html ?? ''
}

const values = {
  first_name: 'Alice',
  email: 'alice@example.com',
  campaign_name: 'Early access',
  company_name: 'Example',
  position: 7,
  referral_count: 3,
  referral_link: 'https://example.com/r/early-access-7',
  reward_name: 'A month for free',
  reward_type: 'discount',
  reward_description: 'Your first month costs nothing.',
  reward_code: 'FREE-4F7K2M',
  reward_details: 'Enter the code when you choose a plan.',
}

function attribute(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('"', '&quot;')
}
