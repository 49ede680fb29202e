import PostalMime from 'postal-mime'
import { describe, expect, it } from 'vitest'
import { unsubscribeLinks } from '../../../src/consumers/unsubscribe-link.ts'
import { createEmailChannel } from '../../../src/delivery/email/email-channel.ts'
import type { MailMessage, TemplateSource } from '../../../src/delivery/email/mail-message.ts'
import { mimeComposer } from '../../../src/infra/mail/mime/mime-composer.ts'
import { createTemplateEngine } from '../../../src/infra/mail/templates/template-engine.ts'
import { keepingRelay, memoryVersions } from '../../support/email-parts.ts'
import { sampleIntent } from '../../support/sample-intent.ts'
import { freezeOne } from '../../support/freeze-one.ts'

const relay = keepingRelay()
const channel = createEmailChannel({
  relay,
  maxConnections: 1,
  versions: memoryVersions(),
  rates: { take: async () => undefined },
  templates: createTemplateEngine(),
  mime: mimeComposer,
  mailFrom: { address: 'news@example.com' },
  deadlineMs: 1_000,
  clock: { now: () => 0, monotonic: () => 0, sleep: async () => undefined },
})
const of = { userId: '00000000-0000-4000-8000-0000000000a1', campaignId: '00000000-0000-4000-8000-0000000000c1' }
const url = unsubscribeLinks(
  'https://mail.example.com/lists/unsubscribe?campaign={campaign_id}&user={user_id}&signature={signature}&more=%41',
  'a secret of some length',
)(of)

async function mail(type: 'milestone' | 'position_update' | 'welcome', unsubscribeUrl: string | null, template?: TemplateSource) {
  const message: MailMessage = {
    ...of,
    type,
    to: { address: 'ann@example.org' },
    from: {},
    template: template ?? { from: 'built-in', type },
    templateId: null,
    values: { first_name: 'Ann', campaign_name: 'Early Birds', milestone: '1000', unsubscribe_link: unsubscribeUrl },
    branding: {},
    unsubscribeUrl,
  }
  const signal = new AbortController().signal
  const frozen = await freezeOne(channel, sampleIntent(), message)
  await channel.perform(sampleIntent(), frozen, message, await channel.acquire(message, signal), signal)
  const bytes = relay.mails.pop() ?? Buffer.alloc(0)
  const text = Buffer.from(bytes).toString('latin1')
  const parsed = await PostalMime.parse(bytes)
  return { raw: text, parsed, header: (name: string) => parsed.headers.filter(({ key }) => key === name).map(({ value }) => value) }
}

describe.each(['milestone', 'position_update'] as const)('a %s mail', (type) => {
  it('has headers, once and unencoded, for unsubscribing by one POST', async () => {
    const { raw, header } = await mail(type, url)
    expect(header('list-unsubscribe')).toEqual([`<${url}>`])
    expect(header('list-unsubscribe-post')).toEqual(['List-Unsubscribe=One-Click'])
    // The view of a program that only unfolds headers.
    const head = raw.slice(0, raw.indexOf('\r\n\r\n')).replaceAll(/\r\n[ \t]+/g, ' ')
    expect(head.split('\r\n')).toContain(`List-Unsubscribe: <${url}>`)
    expect(head.split('\r\n')).toContain('List-Unsubscribe-Post: List-Unsubscribe=One-Click')
  })

  it('shows the link in both parts', async () => {
    const { parsed } = await mail(type, url)
    expect(parsed.text).toContain(`Unsubscribe: ${url}`)
    const hrefs = [...(parsed.html ?? '').matchAll(/href="([^"]+)"[^>]*>Unsubscribe</g)].map(([, href]) => unescaped(href ?? ''))
    expect(hrefs).toEqual([url])
  })

  it('has no such headers without an unsubscribe URL', async () => {
    const { raw } = await mail(type, null)
    expect(raw).not.toMatch(/unsubscribe/i)
  })
})

it('a template may place the link itself', async () => {
  const template: TemplateSource = {
    from: 'campaign',
    id: 't',
    subject: 'News',
    html: '<p><a href="{{unsubscribe_link}}">No more</a></p>',
    text: 'No more: {{unsubscribe_link}}',
  }
  const { parsed } = await mail('milestone', url, template)
  expect(parsed.text?.trim()).toBe(`No more: ${url}`)
  expect(unescaped(/href="([^"]+)"/.exec(parsed.html ?? '')?.[1] ?? '')).toBe(url)
})

function unescaped(html: string): string {
  return html.replaceAll('&#x2F;', '/').replaceAll('&#x3D;', '=').replaceAll('&amp;', '&')
}
