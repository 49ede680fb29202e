import { expect, it } from 'vitest'
import { mailTypes } from '../../src/delivery/email/mail-message.ts'
import { putTogether } from '../../src/infra/mail/templates/built-in-template.ts'
import { inlineStyles } from '../../src/infra/mail/templates/inline-styles.ts'

it.each(mailTypes)(
  'the inlined %s mail is its parts with their styles inlined; `npx vitest run --project repo test/repo/inlined-mails.test.ts -u` renders it',
  async (type) => {
    const file = `../../src/infra/mail/templates/built-in/inlined/${type}.html.mustache`
    await expect(inlineStyles(putTogether(type, 'html'))).toMatchFileSnapshot(file)
  },
)
