import PostalMime from 'postal-mime'
import type { EncodedText } from '../../src/delivery/email/mime.ts'
import type { TemplateEngine } from '../../src/delivery/email/mail-template.ts'

interface ReadableMail {
  readonly subject: string
  readonly html: string
  readonly text: string
}

type ReadableEngine = Omit<TemplateEngine, 'render'> & {
  render(...of: Parameters<TemplateEngine['render']>): Promise<ReadableMail>
}

/** An engine whose bodies are decoded as a mail client would, by somebody else's parser. */
export function readable(engine: TemplateEngine): ReadableEngine {
  return {
    ...engine,
    async render(...of) {
      const { subject, html, text } = await engine.render(...of)
      return { subject, html: await decoded(html), text: await decoded(text) }
    },
  }
}

/** The text that a mail client reads from a body; its line breaks are LF. */
export async function decoded(body: EncodedText): Promise<string> {
  const fields = 'Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n'
  const { text } = await PostalMime.parse(fields + body)
  return (text ?? '').replaceAll('\r\n', '\n')
}
