import { parseMail } from '@protontech/jsmimeparser'
import * as fc from 'fast-check'
import mustache from 'mustache'
import PostalMime from 'postal-mime'
import { expect, test } from 'vitest'
import { mimeComposer } from '../../../../../src/infra/mail/mime/mime-composer.ts'
import { quotedPrintable } from '../../../../../src/infra/mail/mime/quoted-printable.ts'
import { encodePart, escapeHtml, parsePart, renderEncodedHtml, renderPlain } from '../../../../../src/infra/mail/templates/template-part.ts'
import type { TemplatePart, View } from '../../../../../src/infra/mail/templates/template-part.ts'
import { nodemailerMessage } from '../../../../support/nodemailer-message.ts'

/** What a reader gets from a message, by two parsers that share no code: one of JavaScript's own world, and Thunderbird's. */
async function read(bytes: Uint8Array) {
  const postal = await PostalMime.parse(bytes)
  const thunderbird = parseMail(bytes)
  return {
    from: [postal.from, thunderbird.from],
    to: [postal.to, thunderbird.to],
    replyTo: [postal.replyTo, thunderbird['reply-to']],
    subject: [postal.subject, thunderbird.subject],
    html: [lines(postal.html), lines(thunderbird.body.html)],
    text: [lines(postal.text), lines(thunderbird.body.text)],
    date: [postal.date, thunderbird.date?.toISOString()],
    messageId: postal.messageId,
    headers: Object.keys(thunderbird.headers).sort(),
    unsubscribe: thunderbird.headers['list-unsubscribe'],
    attachments: [...postal.attachments, ...thunderbird.attachments].length,
  }
}

/** Parsers differ from each other, and encodings differ, in the line break before a boundary; it belongs to neither body. */
function lines(body: string | null | undefined): string {
  return (body ?? '').replaceAll('\r\n', '\n').replace(/\n+$/, '')
}

const hostile = fc.constantFrom(
  '=',
  '.',
  '\n.\n',
  ' \n',
  '\r\n',
  '<b>"&\'`',
  'é',
  'Ольга',
  'مرحبا بالعالم',
  'שלום',
  '\u202Eabc',
  '日本語',
  '🎉',
  '👩‍👩‍👧‍👦',
  'e\u0301',
  'w'.repeat(10_000),
  'word '.repeat(200),
  '{{email}}',
  '--=_',
  '\ud800',
  '\t',
  '  ',
  ',;:@()[]',
  '\\"',
  'From x',
)
const value = fc
  .array(fc.oneof({ weight: 3, arbitrary: hostile }, fc.string({ unit: 'binary', maxLength: 30 })), { maxLength: 4 })
  .map((list) => list.join(''))

/** Every construct of a template, nested. */
const { body } = fc.letrec<{ body: string }>((tie) => ({
  body: fc
    .array(
      fc.oneof(
        { depthSize: 'small', withCrossShrink: true },
        fc.constantFrom(
          '{{first_name}}',
          '{{{email}}}',
          '{{&campaign_name}}',
          '{{position}}',
          '{{! a comment }}',
          '{{nobody_knows}}',
          '{{> partial}}',
        ),
        fc.constantFrom(
          'plain words',
          '<p class="a">',
          '</p>\n',
          '<a href="https://example.com/?a=1&amp;b=2">',
          '\n',
          '.',
          ' ',
          'é',
          '🎉',
          'x'.repeat(90),
        ),
        tie('body').map((content) => `{{#first_name}}${content}{{/first_name}}`),
        tie('body').map((content) => `{{^position}}${content}{{/position}}`),
        tie('body').map((content) => `{{#lines}}${content}{{.}}<br>{{/lines}}`),
      ),
      { maxLength: 6 },
    )
    .map((pieces) => pieces.join('')),
}))

const vocabulary = new Set(['first_name', 'email', 'campaign_name', 'position', 'lines'])

const parse = (source: string) => parsePart(source, vocabulary, () => undefined)

/** What mustache makes of the same tokens, in one piece. */
function byMustache({ tokens }: TemplatePart, view: View, escape: (value: unknown) => string): string {
  // oxlint-disable-next-line no-unsafe-type-assertion -- the declared type of the tokens is flat, the writer walks nested ones
  return new mustache.Writer().renderTokens(tokens as unknown as string[][], new mustache.Context(view), undefined, undefined, { escape })
}

/** What the composer makes of names and subjects before it encodes them. */
function shown(words: string, length: number): string {
  const line = words
    .toWellFormed()
    .replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ')
    .trim()
  return line.slice(0, length).toWellFormed().trimEnd()
}

const wire = (words: string) => words.toWellFormed().replaceAll(/\r\n|\r|\n/g, '\r\n')

const unix = (words: string) => words.replaceAll(/\r\n?/g, '\n')

/** It computes for eight seconds, and longer where other work shares the cores. Milliseconds. */
const SECONDS_OF_COMPUTING = 60_000

test(
  'a mail composed by frame reads as the same mail composed by nodemailer, to two parsers',
  async () => {
    const drawn = fc.record({
      name: value,
      subject: value,
      html: body,
      text: body,
      first: value,
      email: value,
      campaign: value,
      position: fc.nat(3),
      list: fc.array(value, { maxLength: 3 }),
    })
    await fc.assert(
      fc.asyncProperty(drawn, async ({ name, subject, html, text, first, email, campaign, position, list }) => {
        const htmlPart = parse(`<p>${html}</p>`)
        const textPart = parse(`Text: ${text}`)
        const view: View = { first_name: first, email, campaign_name: campaign, position, lines: list }
        // Each value of the HTML is encoded on its own: a CR at its end, and an LF that follows in the template, are two line breaks.
        const pieces: View = {
          first_name: unix(first),
          email: unix(email),
          campaign_name: unix(campaign),
          position,
          lines: list.map(unix),
        }
        const mail = {
          replyTo: 'help@example.com',
          messageId: '<0123@example.com>',
          date: new Date('2026-01-02T03:04:05Z'),
          headers: { 'List-Unsubscribe': `<https://example.com/${'u'.repeat(120)}>` },
        }
        const ours = mimeComposer.compose({
          ...mail,
          from: { address: 'news@example.com', name },
          to: { address: 'ann@example.org', name: first },
          subject,
          html: renderEncodedHtml(encodePart(htmlPart), view),
          text: quotedPrintable(renderPlain(textPart, view)),
        })
        const theirs = await nodemailerMessage({
          ...mail,
          from: { address: 'news@example.com', name: shown(name, 200) },
          to: { address: 'ann@example.org', name: shown(first, 200) },
          subject: shown(subject, 800),
          html: wire(byMustache(htmlPart, pieces, escapeHtml)),
          text: wire(byMustache(textPart, view, String)),
        })
        expect(await read(ours)).toEqual(await read(theirs))
        // Limits that parsers do not enforce: RFC 2047, 2 and RFC 2045, 6.7; the dot is ours (no dot-stuffing).
        const [head = '', ...rest] = Buffer.from(ours).toString('utf8').split('\r\n\r\n')
        for (const line of head.split('\r\n').filter((each) => each.includes('=?'))) expect(line.length).toBeLessThanOrEqual(76)
        for (const line of rest.join('\r\n\r\n').split('\r\n')) expect(line).toMatch(/^(?!\.)[\t\x20-\x7E]{0,76}$/)
      }),
      { numRuns: 300 },
    )
  },
  SECONDS_OF_COMPUTING,
)
