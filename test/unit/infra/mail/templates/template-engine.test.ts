import { assert, asyncProperty, string, constantFrom, array, boolean } from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { CampaignTemplate, TemplateValues } from '../../../../../src/delivery/email/mail-message.ts'
import { TemplateError } from '../../../../../src/delivery/email/mail-template.ts'
import type { UnknownVariable } from '../../../../../src/delivery/email/mail-template.ts'
import { createTemplateEngine } from '../../../../../src/infra/mail/templates/template-engine.ts'
import { readable } from '../../../../support/readable-mail.ts'

function template(parts: Partial<Pick<CampaignTemplate, 'subject' | 'html' | 'text'>> & { id?: string }): CampaignTemplate {
  return {
    from: 'campaign',
    id: parts.id ?? 'template-1',
    subject: parts.subject ?? 'Subject',
    html: parts.html ?? null,
    text: parts.text ?? null,
  }
}

function engineWithReports(cacheBytes?: number) {
  const reports: UnknownVariable[] = []
  const encoded = createTemplateEngine({
    ...(cacheBytes === undefined ? {} : { cacheBytes }),
    onUnknownVariable: (unknown) => reports.push(unknown),
  })
  return { reports, encoded, engine: readable(encoded) }
}

const engine = readable(createTemplateEngine())

describe('values', () => {
  const hostile = `<script>alert("x")</script> & 'quotes'`

  test('are escaped in the HTML part and left as they are in subject and text', async () => {
    const mail = await engine.render(
      template({ subject: 'S {{first_name}}', html: '<p>{{first_name}}</p>', text: 'T {{first_name}}' }),
      { first_name: hostile },
      {},
    )
    expect(mail.html).toBe('<p>&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt; &amp; &#39;quotes&#39;</p>')
    expect(mail.subject).toBe(`S ${hostile}`)
    expect(mail.text).toBe(`T ${hostile}`)
  })

  test.each(['{{{first_name}}}', '{{&first_name}}', '{{& first_name }}'])('are escaped however the tag is written: %s', async (tag) => {
    expect((await engine.render(template({ html: `<p>${tag}</p>` }), { first_name: '<b>' }, {})).html).toBe('<p>&lt;b&gt;</p>')
  })

  test('are never read as a template', async () => {
    const mail = await engine.render(template({ html: '<p>{{first_name}}</p>' }), { first_name: '{{email}}', email: 'ada@example.org' }, {})
    expect(mail.html).toBe('<p>{{email}}</p>')
    expect(mail.text).toBe('{{email}}\n')
  })

  test('come out of escaped HTML as they went in', async () => {
    const source = template({ html: '<p>{{first_name}}</p>' })
    await assert(
      asyncProperty(
        string({ unit: constantFrom('<', '>', '&', '"', "'", '`', '=', '/', '{', '}', '#', ';', ' ', 'a') }),
        async (first_name) => {
          const html = (await engine.render(source, { first_name }, {})).html
          expect(html.slice(3, -4)).not.toMatch(/[<>"'`]/)
          expect(decode(html.slice(3, -4))).toBe(first_name)
        },
      ),
    )
  })

  test('that are absent, null or empty hide their section', async () => {
    const source = template({ text: '{{#first_name}}Hi {{first_name}}{{/first_name}}{{^first_name}}Hi{{/first_name}}' })
    expect((await engine.render(source, { first_name: 'Ada' }, {})).text).toBe('Hi Ada')
    for (const values of [{}, { first_name: null }, { first_name: '' }]) expect((await engine.render(source, values, {})).text).toBe('Hi')
  })

  test('that are functions or objects do not run and do not show', async () => {
    let ran = false
    const values: TemplateValues = Object.assign({}, JSON.parse('{"email":{"shown":"shown"}}'), { first_name: () => (ran = true) })
    expect((await engine.render(template({ text: '[{{first_name}}{{#first_name}}x{{/first_name}}{{email}}]' }), values, {})).text).toBe(
      '[]',
    )
    expect(ran).toBe(false)
  })

  test('of a prototype are not values', async () => {
    const values: TemplateValues = Object.create({ first_name: 'inherited' })
    expect((await engine.render(template({ text: '[{{first_name}}]' }), values, {})).text).toBe('[]')
  })
})

describe('the subject', () => {
  test.each([
    'Ada\r\nBcc: all@example.org',
    'Ada\nBcc: all@example.org',
    'Ada\u2028Bcc: all@example.org',
    'Ada\0\u0085Bcc: all@example.org',
  ])('stays one line, whatever the name holds: %j', async (first_name) => {
    const mail = await engine.render(template({ subject: 'Hi {{first_name}}\r\n', text: 'x' }), { first_name }, {})
    expect(mail.subject).toMatch(/^Hi Ada ?Bcc: all@example\.org$/)
  })

  test('cannot be reordered by a name', async () => {
    expect((await engine.render(template({ subject: 'Hi {{first_name}}!', text: 'x' }), { first_name: '\u202Egnp.exe' }, {})).subject).toBe(
      'Hi gnp.exe!',
    )
  })
})

describe('unknown variables', () => {
  test('render empty and are reported once per version and variable', async () => {
    const { engine, reports } = engineWithReports()
    const first = template({ subject: '{{nope}}', html: '<p>[{{nope}}{{other}}{{#gone}}in{{/gone}}{{^gone}}out{{/gone}}]</p>' })
    for (let mail = 0; mail < 3; mail++)
      expect(await engine.render(first, {}, {})).toEqual({ subject: '', html: '<p>[out]</p>', text: '[out]\n' })
    expect(reports.map((report) => report.variable).toSorted()).toEqual(['gone', 'nope', 'other'])
    expect(new Set(reports.map((report) => report.template))).toEqual(new Set(['template-1']))
    await engine.render({ ...first, text: 'x' }, {}, {})
    expect(reports).toHaveLength(6)
  })

  test('are not reported again when a version comes back into the cache', async () => {
    const { engine, reports } = engineWithReports(1)
    const source = template({ text: '{{nope}}' })
    await engine.render(source, {}, {})
    await engine.render(template({ id: 'template-2', text: 'other' }), {}, {})
    await engine.render(source, {}, {})
    expect(reports).toHaveLength(1)
  })

  test('are not reported by a second copy, which has no template to name', async () => {
    const first = engineWithReports()
    const source = template({ text: '{{nope}}' })
    const { values } = await first.encoded.render(source, {}, {})
    const second = engineWithReports()
    await second.encoded.renderAgain(first.encoded.versionOf(source), values)
    expect([first.reports.length, second.reports.length]).toEqual([1, 0])
  })

  test('do not include documented ones without a value', async () => {
    const { engine, reports } = engineWithReports()
    await engine.render(template({ text: '{{first_name}}{{reward_code}}{{participant_count}}' }), {}, {})
    expect(reports).toEqual([])
  })

  test.each([
    'constructor',
    '__proto__',
    'hasOwnProperty',
    'toString',
    'first_name.length',
    'first_name.constructor',
    '.',
    'primary_color',
  ])('%s resolves to nothing, inside a section too', async (name) => {
    const { engine, reports } = engineWithReports()
    const text = `[{{${name}}}{{#${name}}}x{{/${name}}}{{^email}}{{${name}}}{{/email}}]`
    expect((await engine.render(template({ text }), { first_name: 'Ada' }, {})).text).toBe('[]')
    expect(reports).toEqual([{ template: 'template-1', variable: name }])
  })

  test('are named only where they are names', async () => {
    const { engine, reports } = engineWithReports()
    await engine.render(template({ text: '{{ada@example.com}}{{ first name }}{{firstname}}' }), {}, {})
    expect(reports.map(({ variable }) => variable)).toEqual(['...', 'firstname'])
  })

  test('partials are left out and reported', async () => {
    const { engine, reports } = engineWithReports()
    expect((await engine.render(template({ text: '[{{> layout}}]' }), {}, {})).text).toBe('[]')
    expect(reports).toEqual([{ template: 'template-1', variable: '> layout' }])
  })
})

describe('a template that cannot be used', () => {
  test.each<[string, Parameters<typeof template>[0], RegExp]>([
    ['an unclosed section', { html: '<p>{{#first_name}}</p>' }, /^The template's HTML body does not parse: unclosed section "first_name"/],
    ['an unclosed tag', { text: 'Hi {{first_name' }, /^The template's text body does not parse: unclosed tag/],
    ['a section closed twice', { subject: '{{/email}}', text: 'x' }, /^The template's subject does not parse: unopened section "email"/],
    ['other delimiters', { text: '{{=<% %>=}}<% email %>' }, /delimiters/],
    ['no body', { html: ' ', text: '\n' }, /neither an HTML nor a text body/],
    ['too many characters', { html: 'x'.repeat(300_000) }, /300000 characters; at most/],
    ['too many tags', { text: '{{email}}'.repeat(1_001) }, /1001 tags; at most/],
  ])('%s is its permanent error, said in a sentence without values', async (_, parts, sentence) => {
    const { engine } = engineWithReports()
    for (let attempt = 0; attempt < 2; attempt++) {
      const thrown = await outcomeOf(() => engine.render(template(parts), { first_name: 'Secretname', email: 'secret@example.org' }, {}))
      expect(thrown).toBeInstanceOf(TemplateError)
      expect(thrown).toMatchObject({ reason: 'template-error', message: expect.stringMatching(sentence) as unknown })
      expect(String(thrown)).not.toMatch(/secret|[\r\n]/i)
    }
  })

  test.each(['{{#ada@example.com}}', '{{/ada@example.com}}', '{{#ada@example.com}}{{/first_name}}', `{{#${'long '.repeat(50)}}}`])(
    'is reported without the content of its tags unless that is a name: %s',
    async (text) => {
      const thrown = await outcomeOf(() => engine.render(template({ text }), {}, {}))
      expect(String(thrown)).toMatch(/section "\.\.\."/)
      expect(String(thrown)).not.toMatch(/ada|long/)
    },
  )

  test('stops neither its own corrected version nor others', async () => {
    await expect(engine.render(template({ text: '{{#email}}' }), {}, {})).rejects.toThrow(TemplateError)
    expect((await engine.render(template({ text: 'mended' }), {}, {})).text).toBe('mended')
  })

  test('any template at all either renders or throws a TemplateError', async () => {
    const { engine } = engineWithReports(10_000)
    const pieces = [
      '{{',
      '}}',
      '{{{',
      '#',
      '^',
      '/',
      '>',
      '!',
      '&',
      '.',
      'email',
      'constructor',
      ' ',
      '\n',
      '<p>',
      '</p>',
      '<style>',
      '<!--',
      'p{',
      '}',
      '&#123;',
      'href="',
    ]
    await assert(
      asyncProperty(array(constantFrom(...pieces), { maxLength: 14 }), boolean(), async (words, asHtml) => {
        const body = words.join('')
        const outcome = await outcomeOf(() =>
          engine.render(template(asHtml ? { html: body } : { text: body }), { email: 'ada@example.org' }, {}),
        )
        expect(outcome).not.toSatisfy((end) => end instanceof Error && !(end instanceof TemplateError))
        expect(JSON.stringify(outcome)).not.toMatch(/function|\[object/)
      }),
      { numRuns: 400 },
    )
  })
})

describe('what is made once per version', () => {
  const styled =
    '<html><head><style>p { color: red } @media (prefers-color-scheme: dark) { p { color: white !important } }</style></head><body><p>{{email}}</p></body></html>'

  test('styles are inlined and the dark mode stays', async () => {
    const { html } = await engine.render(template({ html: styled }), { email: 'ada@example.org' }, {})
    expect(html).toContain('<p style="color: red;">ada@example.org</p>')
    expect(html).toMatch(/@media \(prefers-color-scheme: dark\)\s*\{\s*p\s*\{\s*color: white\s*!important/)
  })

  test('markup that the inliner cannot walk goes out as it was written', async () => {
    const html = `<style>{{#email}}p{color:red}{{/email}}</style>${'<b>'.repeat(20_000)}deep`
    expect((await engine.render(template({ html }), {}, {})).html).toContain('deep')
  })

  test.each([
    ['many selectors on many elements', `<style>${'.a b { color: red }'.repeat(500)}</style>${'<b>x</b>'.repeat(5_000)}`],
    ['selectors nested in selectors', `<style>${'a, b { color: red; '.repeat(18)}${'}'.repeat(18)}</style><b>x</b>`],
    ['a selector without end', `<style>${'b '.repeat(1_000)}{ color: red }</style>${'<b>'.repeat(900)}`],
  ])('styles that would hold up everybody else stay where they are: %s', async (_, html) => {
    expect((await engine.render(template({ html }), {}, {})).html).toBe(html)
  })

  test('a section torn apart by the text made from it is left out of the text', async () => {
    const html = '<div style="display:none">{{#email}}</div><p>{{email}}</p>{{/email}}'
    expect((await engine.render(template({ html }), { email: 'ada@example.org' }, {})).text).toBe('ada@example.org\n')
  })

  test('a text is made where there is none, and HTML where there is only text', async () => {
    const fromHtml = await engine.render(
      template({ html: styled.replace('{{email}}', 'A &amp; <a href="{{referral_link}}">join</a>') }),
      { referral_link: 'https://example.org/?a=1&b=2' },
      {},
    )
    expect(fromHtml.text).toBe('A & join (https://example.org/?a=1&b=2)\n')
    const fromText = await engine.render(
      template({ text: 'Hi <{{first_name}}>\nbye\n\n{{referral_link}}' }),
      { first_name: '&', referral_link: 'https://example.org/?a=1&b=2' },
      {},
    )
    expect(fromText.text).toBe('Hi <&>\nbye\n\nhttps://example.org/?a=1&b=2')
    expect(fromText.html).toContain('Hi &lt;&amp;&gt;<br>')
    expect(fromText.html).toContain('href="https://example.org/?a=1&amp;b=2"')
    expect(fromText.html).toContain('prefers-color-scheme: dark')
  })

  test('a changed row is seen', async () => {
    expect((await engine.render(template({ text: 'before' }), {}, {})).text).toBe('before')
    expect((await engine.render(template({ text: 'after' }), {}, {})).text).toBe('after')
  })
})

const characters: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'", '#96': '`' }

function decode(html: string): string {
  return html.replace(/&([a-z#0-9]+);/g, (_, name: string) => characters[name] ?? '')
}

/** What it returned or threw. */
async function outcomeOf(run: () => Promise<unknown>): Promise<unknown> {
  try {
    return await run()
  } catch (error) {
    return error
  }
}
