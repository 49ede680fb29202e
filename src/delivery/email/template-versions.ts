import type { TemplateText } from './mail-template.ts'

/**
 * The port to the texts of templates by their content, once each, as long as an intent may name them: a mail that is sent again is composed
 * from the template as it was, even if the campaign has changed it since. A newer build may encode or derive it differently.
 */
export interface TemplateVersions {
  /** Resolves when the text is stored; costs nothing for one that this process has stored lately. Throws SqlError. */
  keep(hash: string, text: TemplateText): Promise<void>
  /** Null: it is not stored. Throws SqlError. */
  find(hash: string): Promise<TemplateText | null>
}
