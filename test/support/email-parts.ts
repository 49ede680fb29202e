import type { MailRelay } from '../../src/delivery/email/mail-relay.ts'
import type { TemplateText } from '../../src/delivery/email/mail-template.ts'
import type { TemplateVersions } from '../../src/delivery/email/template-versions.ts'

/** A relay that accepts every mail and keeps its bytes. */
export function keepingRelay(): MailRelay & { readonly mails: Uint8Array[] } {
  const mails: Uint8Array[] = []
  return {
    mails,
    host: 'none',
    away: () => null,
    acquire: async () => ({
      begin: () => undefined,
      send: async (_envelope, bytes) => {
        mails.push(bytes)
        return { is: 'accepted', code: 250, providerId: null }
      },
      stage: () => null,
      release: () => undefined,
    }),
    verify: async () => undefined,
    stats: () => ({ connecting: 0, inUse: 0, idle: 0, waiting: 0, opened: 0, failures: 0 }),
    close: async () => undefined,
  }
}

/** Versions of templates in memory. */
export function memoryVersions(): TemplateVersions & { readonly stored: Map<string, TemplateText> } {
  const stored = new Map<string, TemplateText>()
  return {
    stored,
    keep: async (hash, text) => void stored.set(hash, text),
    find: async (hash) => stored.get(hash) ?? null,
  }
}
