import { describe, expect, test } from 'vitest'
import type { MailType, TemplateValues } from '../../../../../src/delivery/email/mail-message.ts'
import { createTemplateEngine } from '../../../../../src/infra/mail/templates/template-engine.ts'
import { readable } from '../../../../support/readable-mail.ts'
import { readBuiltIn } from '../../../../../src/infra/mail/templates/built-in-template.ts'
import { prepareBuiltIn } from '../../../../../src/infra/mail/templates/prepared-template.ts'

const types: readonly MailType[] = ['welcome', 'verification', 'position_update', 'reward_earned', 'milestone', 'reward_delivery']

const full = {
  first_name: 'Ada',
  last_name: 'Example',
  email: 'ada@example.org',
  position: 1284,
  referral_code: 'ADA123',
  referral_link: 'https://waitlist.example.com/spring?ref=ADA123&via=mail',
  referral_count: 3,
  campaign_name: 'Spring & Summer',
  campaign_slug: 'spring',
  company_name: 'Example Company',
  reward_name: 'Three months <free>',
  reward_description: 'All features.',
  reward_type: 'premium_feature',
  reward_code: 'SPRING-7K4Q',
  reward_details: 'Value: 3 months.\nEnter it on the billing page.',
  milestone: '1000_participants',
  participant_count: 1043,
} satisfies TemplateValues

const engine = readable(createTemplateEngine())
const render = (type: MailType, values: TemplateValues, branding = {}) => engine.render({ from: 'built-in', type }, values, branding)

describe.each(types)('the built-in %s mail', (type) => {
  test('names only variables that exist', async () => {
    expect(prepareBuiltIn({ from: 'built-in', ...readBuiltIn(type) }).unknown).toEqual([])
  })

  test.each([
    ['every value', full],
    ['no value', {}],
  ])('renders with %s, in both parts', async (_, values) => {
    const mail = await render(type, values)
    expect(mail.subject).toMatch(/^\S.*\S$/)
    for (const part of [mail.subject, mail.html, mail.text]) expect(part).not.toMatch(/\{\{|\}\}|undefined|null|NaN|\[object/)
    expect(mail.html).toMatch(/<h1[^>]*>[^<]+<\/h1>/)
    expect(mail.text).toContain('You receive this mail because')
  })

  test('has a text without tags, entities and gaps', async () => {
    for (const values of [{ ...full, reward_name: 'Three months' }, {}]) {
      const { text } = await render(type, values)
      expect(text).not.toMatch(/<[a-z/!]|&[a-z#0-9]+;|\n{3}|[ \t]\n|^\s| {2}|\s[,.!]/i)
    }
  })

  test('reads well without values: no dangling punctuation or empty blocks', async () => {
    const { html } = await render(type, {})
    const words = html.replace(/<style[\s\S]*?<\/style>|<!--[\s\S]*?-->|<[^>]+>/g, '')
    expect(words).not.toMatch(/\s[,.!]|#(?!\d)|: *\n/)
    expect(html).not.toMatch(/<(p|span|a|h1|h2)[^>]*>\s*<\/\1>|href=""|src=""/)
  })

  test('has inlined styles, dark mode, a language and layout tables that say so', async () => {
    const { html } = await render(type, full, { logoUrl: 'https://cdn.example.com/logo.png' })
    expect(html).toContain('<html lang="en"')
    expect(html).toContain('<meta name="color-scheme" content="light dark">')
    expect(html).toMatch(/@media \(prefers-color-scheme: dark\)/)
    expect(html).toMatch(/\.card\s*\{\s*background-color: #1b1f25\s*!important/)
    expect(html).toMatch(/:root\s*\{\s*color-scheme: light dark/)
    expect(html).toMatch(/<td class="card"[^>]* style="[^"]*background-color: #ffffff/)
    for (const table of html.match(/<table[^>]*>/g) ?? []) expect(table).toContain('role="presentation"')
    for (const image of html.match(/<img[^>]*>/g) ?? []) expect(image).toContain('alt="Spring &amp; Summer"')
    expect(html).toContain('src="https://cdn.example.com/logo.png"')
    expect(html.length).toBeLessThan(20_000)
  })

  test('escapes what people typed', async () => {
    expect((await render(type, { ...full, campaign_name: '<img src=x onerror=1>' })).html).not.toContain('<img src=x')
  })
})

test('only the delivery carries the code', async () => {
  for (const type of types) {
    const { subject, html, text } = await render(type, full)
    expect((subject + html + text).includes('SPRING-7K4Q')).toBe(type === 'reward_delivery')
  }
})

test('the delivery has name, code and every line of the instructions', async () => {
  const { html, text } = await render('reward_delivery', full)
  expect(html).toMatch(/class="code"[^>]*user-select: all[^>]*>SPRING-7K4Q</)
  expect(html).toContain('Three months &lt;free&gt;')
  expect(html).toContain('Value: 3 months.<br>Enter it on the billing page.')
  expect(text).toContain('Three months <free>')
  expect(text).toContain('Your code: SPRING-7K4Q')
  expect(text).toContain('\nValue: 3 months.\nEnter it on the billing page.\n')
})

test('figures are written for people', async () => {
  expect((await render('welcome', full)).html).toContain('#1,284<')
  expect((await render('position_update', full)).subject).toBe('You are now number 1,284 on Spring & Summer')
  expect((await render('position_update', { ...full, referral_count: 1 })).text).toContain('That makes 1 friend thanks')
  expect((await render('position_update', { ...full, referral_count: 0, position: 0 })).text).not.toMatch(/That makes|#|\b0\b/)
  expect((await render('position_update', { ...full, position: '1284' })).subject).toContain('1,284')
})

test.each([
  ['1000_participants', '1,000 participants'],
  ['250000', '250,000 participants'],
  ['half_way', 'half way'],
  [500, '500 participants'],
])('the milestone %j is written "%s"', async (milestone, words) => {
  const mail = await render('milestone', { ...full, milestone })
  expect(mail.subject).toBe(`Spring & Summer has reached ${words}`)
  expect(mail.html).toContain(`>${words}<`)
  expect(mail.text).toContain('1,043 people')
})

test('the referral link is shown, and opens a mail to a friend', async () => {
  const { html, text } = await render('welcome', full)
  expect(html).toContain('href="https://waitlist.example.com/spring?ref=ADA123&amp;via=mail"')
  expect(html).toMatch(/href="mailto:\?subject=Join%20me%20on%20Spring%20%26%20Summer&amp;body=[^"]*ref%3DADA123%26via%3Dmail/)
  expect(text).toContain('\nhttps://waitlist.example.com/spring?ref=ADA123&via=mail\n')
})

test('an invalid link is not linked', async () => {
  for (const referral_link of ['javascript:alert(1)', 'not a link', 'https://']) {
    expect((await render('welcome', { ...full, referral_link })).html).not.toContain('Share your link')
  }
})

test('a first name that is an advertisement is not repeated', async () => {
  for (const first_name of ['Win at www.example.org', 'https://example.org', 'example.org', 'x'.repeat(41)]) {
    const { html, text } = await render('welcome', { ...full, first_name })
    expect(html).toContain('>Welcome!<')
    expect(text).toMatch(/^Welcome!\n/)
  }
  expect((await render('welcome', { ...full, first_name: 'J. R. Ödön-Ñandú' })).text).toMatch(/^Welcome, J\. R\. Ödön-Ñandú!\n/)
})
