import { expect, test } from 'vitest'
import { textFromHtml } from '../../../../../src/infra/mail/templates/text-from-html.ts'

test.each([
  ['paragraphs and breaks', '<h1>Hi</h1><p>one<br>two<br/>three</p>\n<p>four</p>', 'Hi\n\none\ntwo\nthree\n\nfour'],
  ['white space as HTML has it', '<p>a\n   b\t c</p>', 'a b c'],
  ['lists', '<ul><li>one</li><li>two</li></ul>', '- one\n- two'],
  ['rows and cells', '<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>', 'a b\nc'],
  ['links', '<a href="https://example.org/?a=1&amp;b=2"><b>Go</b></a>', 'Go (https://example.org/?a=1&b=2)'],
  ['a link that is its own words', '<a href="https://example.org">https://example.org</a>', 'https://example.org'],
  ['a mail link', "<a href='mailto:help@example.org'>help@example.org</a>", 'help@example.org'],
  ['a link without words', '<a href="https://example.org"></a>', 'https://example.org'],
  ['a link to nowhere', '<a href="#top">Top</a>', 'Top'],
  ['images', '<img src="x" alt="Our logo"><img src="y">', 'Our logo'],
  ['what is not seen', '<head><title>T</title></head><style>p{}</style><script>1<2</script><!-- <p>no</p> --><p>yes</p>', 'yes'],
  ['a hidden preheader', '<div style="display: none"><div>pre</div>header</div><p>body</p>', 'body'],
  ['entities', 'caf&eacute; &euro;&nbsp;5 &#8211; &#x2713; &lt;b&gt; &zwnj;&unknown;.', 'café € 5 – ✓ <b> .'],
  ['a lone bracket', '1 < 2 and 3 > 2', '1 < 2 and 3 > 2'],
  [
    'tags of the template',
    '<p>Hi {{first_name}}, {{{email}}}</p><a href="{{referral_link}}">Share</a>',
    'Hi {{first_name}}, {{{email}}}\n\nShare ({{referral_link}})',
  ],
  ['braces that were written as entities', '<p>&#123;&#123;email}}</p>', '{ {email}}'],
  ['an unclosed tag', 'text <a href="x', 'text'],
])('keeps %s', (_, html, text) => {
  expect(textFromHtml(html).trim()).toBe(text)
})

// Unclosed tags of the template are not among them: it has parsed before, with at most 1,000 tags.
test('takes time in proportion to the length, however broken the markup', () => {
  for (const piece of ['<', '<div ', '<!--', '<td>', '<a href=', '<a href="x">', '&#', '<div style="display:none">', ' \n']) {
    const before = process.cpuUsage()
    textFromHtml(piece.repeat(Math.floor(262_144 / piece.length)))
    const { user, system } = process.cpuUsage(before)
    // Processor time, of which other programs take none; with the square of the length it would be minutes.
    expect((user + system) / 1_000_000).toBeLessThan(10)
  }
})
