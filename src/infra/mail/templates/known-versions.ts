import { createHash } from 'node:crypto'
import type { CampaignTemplate } from '../../../delivery/email/mail-message.ts'
import type { TemplateText, TemplateVersion } from '../../../delivery/email/mail-template.ts'

/** How many characters the remembered texts may hold together; the one used last always stays. */
const MOST_CHARACTERS = 4 * 1024 * 1024

/** The last version of each campaign template: nearly every mail comes with the text of the one before, which need not be hashed again. */
export class KnownVersions {
  /** By the id of the template, the least recently used first. */
  readonly #known = new Map<string, TemplateVersion>()
  #characters = 0

  of(template: CampaignTemplate): TemplateVersion {
    const { id } = template
    const known = this.#known.get(id)
    const version = known !== undefined && isSame(known.text, template) ? known : versionOfText(template)
    this.#forget(id)
    this.#known.set(id, version)
    this.#characters += costOf(version.text)
    for (const oldest of this.#known.keys()) {
      if (this.#characters <= MOST_CHARACTERS || this.#known.size === 1) break
      this.#forget(oldest)
    }
    return version
  }

  #forget(id: string): void {
    const known = this.#known.get(id)
    if (known === undefined) return
    this.#known.delete(id)
    this.#characters -= costOf(known.text)
  }
}

export function versionOfText({ from, subject, html, text }: TemplateText): TemplateVersion {
  const hash = createHash('sha256')
    .update(JSON.stringify([from, subject, html, text]))
    .digest('base64url')
  return { hash, text: { from, subject, html, text } }
}

function isSame(one: TemplateText, other: TemplateText): boolean {
  return one.subject === other.subject && one.html === other.html && one.text === other.text
}

/** An entry without any text holds about as much as so many characters. */
const ENTRY_CHARACTERS = 256

function costOf({ subject, html, text }: TemplateText): number {
  return ENTRY_CHARACTERS + subject.length + (html?.length ?? 0) + (text?.length ?? 0)
}
