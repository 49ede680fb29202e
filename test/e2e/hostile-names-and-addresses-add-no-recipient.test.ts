import PostalMime from 'postal-mime'
import { expect, test } from 'vitest'
import type { SmtpMail } from '../../stack/smtp-sink.ts'
import { Platform, type Campaign } from '../support/platform.ts'
import { createFixture, type Fixture } from '../support/fixture.ts'

/** Addresses as a sign-up form or an import may leave them, and where the mail goes; null: to nobody. */
const addresses: readonly (readonly [written: string, reached: string | null])[] = [
  ['plain@example.org', 'plain@example.org'],
  ["o'neil+tag_{x}=y@example.org", "o'neil+tag_{x}=y@example.org"],
  ['Upper.Case@Example.ORG', 'Upper.Case@Example.ORG'],
  ['idn@bücher.example', 'idn@xn--bcher-kva.example'],
  ['wide@ｅｘａｍｐｌｅ.org', 'wide@example.org'],
  ['zoë@example.org', 'zoë@example.org'],
  ['=?utf-8?Q?eve=40example.com?=@example.org', '=?utf-8?Q?eve=40example.com?=@example.org'],
  [`${'l'.repeat(64)}@example.org`, `${'l'.repeat(64)}@example.org`],
  [`${'l'.repeat(65)}@example.org`, null],
  [`long@${'d'.repeat(64)}.org`, null],
  [`long@${'abc.'.repeat(70)}org`, null],
  ['crlf@example.org\r\nRCPT TO:<eve@example.com>', null],
  ['lf@example.org\nRCPT TO:<eve@example.com>', null],
  ['cr@example.org\rRCPT TO:<eve@example.com>', null],
  ['close@example.org>\r\nRCPT TO:<eve@example.com', null],
  ['close@example.org> NOTIFY=SUCCESS <eve@example.com', null],
  ['header@example.org\r\nBcc: eve@example.com', null],
  ['trailing@example.org\n', null],
  ['separator@example.org\u2028RCPT TO:<eve@example.com>', null],
  ['nextline@example.org\u0085x', null],
  ['comma@example.org,eve@example.com', null],
  ['comma@example.org, eve@example.com', null],
  ['semicolon@example.org;eve@example.com', null],
  ['blank@example.org eve@example.com', null],
  ['two@example.org@example.com', null],
  ['"quoted@example.org"@example.com', null],
  ['"quoted part"@example.org', null],
  ['back\\slash@example.org', null],
  ['comment(eve@example.com)@example.org', null],
  ['Name <named@example.org>', null],
  ['<angled@example.org>', null],
  ['group:a@example.org,eve@example.com;', null],
  ['@relay.example.com:routed@example.org', null],
  ['literal@[127.0.0.1]', null],
  ['literal@127.0.0.1', null],
  ['literal@0x7f.1', null],
  ['percent@ex%61mple.org', null],
  ['dot.@example.org', null],
  ['.dot@example.org', null],
  ['dots..dots@example.org', null],
  ['zero\u200bwidth@example.org', null],
  ['over\u202eride@example.org', null],
  ['no-at-sign', null],
  ['@example.org', null],
  ['nobody@', null],
  ['local@host_name', null],
]

/** What people call themselves. */
const names: readonly string[] = [
  'Ada\r\nBcc: eve@example.com',
  'Ada\nTo: eve@example.com\n\n<h1>body</h1>',
  'Ada\rCc: eve@example.com',
  'Ada\u2028Bcc: eve@example.com\u2029x\u0085Bcc: eve@example.com\u000bx\u000cx',
  '=?utf-8?Q?=0D=0ABcc=3A_eve=40example.com?=',
  '=?utf-8?B?DQpCY2M6IGV2ZUBleGFtcGxlLmNvbQ==?=',
  '{{email}}{{{referral_link}}}{{> partial}}{{=<% %>=}}',
  '{{#first_name}}{{/email}}',
  '<script>alert(1)</script><a href="javascript:alert(1)">x</a>',
  '"><img src=x onerror=alert(1)>',
  '</title></style><iframe src=//example.com>',
  '.\r\n.\r\nMAIL FROM:<eve@example.com>\r\nRCPT TO:<eve@example.com>\r\nDATA\r\n',
  '\n.\nQUIT',
  'https://example.com/win www.example.com',
  '\u202egnp.exe\u202c',
  'A'.repeat(5_000),
  'Zoë 你好 🎉'.repeat(200),
  '--boundary\r\nContent-Type: text/html\r\n\r\n<b>part</b>',
]

/** What a customer may have typed into a campaign: columns, and whether a mail can be made with them. */
const settings: readonly { readonly email_config?: object; readonly name?: string; readonly reason?: string }[] = [
  { email_config: { from_name: 'News\r\nBcc: eve@example.com' } },
  { email_config: { from_name: 'News" <eve@example.com>, "x' } },
  { email_config: { from_name: '=?utf-8?Q?=0D=0ABcc=3A_eve=40example.com?=' } },
  { email_config: { from_name: 'N'.repeat(3_000) } },
  { email_config: { from_email: 'news@example.com', reply_to: 'help@example.com' } },
  { email_config: { from_email: 'news@example.com\r\nRCPT TO:<eve@example.com>' }, reason: 'invalid-address' },
  { email_config: { from_email: 'news@example.com> SIZE=1 <x' }, reason: 'invalid-address' },
  { email_config: { from_email: 'a@example.com, b@example.com' }, reason: 'invalid-address' },
  { email_config: { reply_to: 'help@example.com\r\nBcc: eve@example.com' }, reason: 'invalid-address' },
  { email_config: { reply_to: 'a@example.com, eve@example.com' }, reason: 'invalid-address' },
  { email_config: { reply_to: 'Help <help@example.com>' }, reason: 'invalid-address' },
  { name: 'Campaign\r\nBcc: eve@example.com\r\n\r\nbody' },
  { name: `<script>alert('x')</script>` },
]

const bodies: readonly { readonly subject: string; readonly html: string; readonly text: string; readonly reason?: string }[] = [
  { subject: 'Hi {{first_name}}\r\nBcc: eve@example.com', html: '<p>{{first_name}}</p>', text: '{{first_name}}' },
  { subject: 'dots', html: '<p>x</p>\n.\n..\n.x', text: '.\n..\n.x\r\n.\r\nMAIL FROM:<eve@example.com>\r\nRCPT TO:<eve@example.com>\r\n' },
  { subject: 'S'.repeat(20_000), html: `<p>${'long '.repeat(20_000)}</p>`, text: 'x'.repeat(50_000) },
  { subject: 'links', html: '<a href="{{first_name}}">{{{first_name}}}{{&first_name}}</a>', text: 'x' },
  { subject: '{{=<% %>=}}', html: '<p>x</p>', text: 'x', reason: 'template-error' },
  { subject: '{{#first_name}}', html: '<p>x</p>', text: 'x', reason: 'template-error' },
]

test('with hostile names, addresses, senders and templates each mail has one recipient and only our headers, and an impossible mail is rejected at once with a reason', async () => {
  await using fixture = await createFixture({ smtp: { keepBodies: true } })
  const daemon = fixture.daemon()
  await daemon.ready()
  const platform = new Platform(fixture.sql)
  const expected = new Map<string, Expected>()
  const campaign = await platform.campaign()
  for (const [email, reached] of addresses)
    expected.set(await joins(fixture, platform, campaign, { email }), { reached, reason: 'invalid-address' })
  for (const [n, first_name] of names.entries()) {
    const email = `name-${n}@example.org`
    expected.set(await joins(fixture, platform, campaign, { email, first_name, last_name: first_name }), { reached: email, first_name })
  }
  for (const [n, { reason, name, ...columns }] of settings.entries()) {
    const email = `setting-${n}@example.org`
    const own = await platform.campaign(name === undefined ? {} : { name })
    await fixture.sql.query('UPDATE campaigns SET email_config = $2 WHERE id = $1', [own.campaignId, columns.email_config ?? {}])
    expected.set(await joins(fixture, platform, own, { email }), { reached: reason === undefined ? email : null, reason })
  }
  for (const [n, { reason, subject, html, text }] of bodies.entries()) {
    const email = `template-${n}@example.org`
    const own = await platform.campaign()
    await fixture.sql.query(
      `INSERT INTO email_templates (campaign_id, name, type, subject, html_body, text_body) VALUES ($1, 'own', 'welcome', $2, $3, $4)`,
      [own.campaignId, subject, html, text],
    )
    const first_name = 'javascript:alert("1")<b>'
    expected.set(await joins(fixture, platform, own, { email, first_name }), {
      reached: reason === undefined ? email : null,
      reason,
      first_name,
    })
  }

  await fixture.drained()

  const sent = [...expected.values()].filter(({ reached }) => reached !== null)
  expect(fixture.smtp.mails.map(({ recipients }) => recipients.map(onTheWire).join()).toSorted()).toEqual(
    sent.map(({ reached }) => reached ?? '').toSorted(),
  )
  for (const mail of fixture.smtp.mails) {
    expect(mail.from).toMatch(/^(?:waitlist|news)@example\.com$/)
    await expectOnlyOurs(mail)
  }
  await expectBodies(fixture, [...expected.values()])

  const intents = await fixture.sql.query<{
    user_id: string
    state: string
    reason: string | null
    attempts: number
    error_message: string | null
  }>(
    `SELECT i.user_id, i.state, i.reason, i.attempt AS attempts, l.error_message FROM worker.intents i JOIN email_logs l ON l.user_id = i.user_id WHERE i.kind = 'mail'`,
  )
  const ends = intents.map(({ user_id, state, reason, attempts }) => [user_id, state, reason, attempts].join(' '))
  const wanted = [...expected].map(([id, { reached, reason }]) => (reached === null ? `${id} rejected ${reason} 0` : `${id} sent  1`))
  expect(ends.toSorted()).toEqual(wanted.toSorted())
  for (const { error_message } of intents) expect(error_message ?? '').not.toMatch(/example|[\r\n]/)
  expect(daemon.lines.filter(({ level }) => level === 'error' || level === 'fatal')).toEqual([])
})

/** The server's library decodes a domain, whatever its encoding. */
function onTheWire(address: string): string {
  return address.replace('@bücher.example', '@xn--bcher-kva.example')
}

/** nodemailer writes domains in small letters there. */
function inHeaders(address: string): string {
  const [local = '', domain = ''] = onTheWire(address).split('@')
  return `${local}@${domain.toLowerCase()}`
}

interface Expected {
  readonly reached: string | null
  readonly reason?: string | undefined
  readonly first_name?: string
}

async function joins(
  fixture: Fixture,
  platform: Platform,
  campaign: Campaign,
  columns: Readonly<Record<string, unknown>>,
): Promise<string> {
  const { userId } = await platform.person(campaign, columns)
  await fixture.publisher.publishUserSignedUp({ ...campaign, userId, email: 'guest@example.com' })
  return userId
}

const ourHeaders = [
  'auto-submitted',
  'content-type',
  'date',
  'from',
  'message-id',
  'mime-version',
  'subject',
  'to',
  'x-causation-id',
  'x-correlation-id',
]

/** Judged by a parser of others, and by the bytes: no line of the header may be longer than 998 bytes or end in half a line break. */
async function expectOnlyOurs({ raw = Buffer.alloc(0), recipients }: SmtpMail): Promise<void> {
  const mail = await PostalMime.parse(raw)
  const names = mail.headers.map(({ key }) => key).filter((key) => key !== 'reply-to')
  expect(names.toSorted()).toEqual(ourHeaders)
  expect(mail.from?.address).toMatch(/^(?:waitlist|news)@example\.com$/)
  expect(mail.to?.map(({ address }) => address)).toEqual(recipients.map(inHeaders))
  expect([mail.cc ?? [], mail.bcc ?? [], mail.attachments]).toEqual([[], [], []])
  expect(mail.replyTo?.map(({ address }) => address) ?? ['help@example.com']).toEqual(['help@example.com'])
  const lines = raw.toString('latin1').split('\r\n')
  expect(lines.filter((line) => line.length > 998 || /[\r\n]/.test(line))).toEqual([])
}

/** What people typed is text in both parts: never markup, never a template. */
async function expectBodies(fixture: Fixture, people: readonly Expected[]): Promise<void> {
  for (const { reached, first_name } of people) {
    const mail = fixture.smtp.mails.find(({ recipients }) => recipients[0] === reached)
    if (mail === undefined || first_name === undefined) continue
    const { html = '', text = '', subject = '' } = await PostalMime.parse(mail.raw ?? '')
    expect(html).not.toMatch(/<script|<img|<iframe|<b>|href="javascript:"|onerror=alert\(1\)>/i)
    expect(subject).not.toMatch(/[\p{Cc}\u2028\u2029\u202e]/u)
    expect(text).not.toContain(`${reached}{`)
  }
  const dots = fixture.smtp.mails.find(({ recipients }) => recipients[0] === 'template-1@example.org')
  const { text } = await PostalMime.parse(dots?.raw ?? '')
  expect(text?.trim()).toBe('.\n..\n.x\n.\nMAIL FROM:<eve@example.com>\nRCPT TO:<eve@example.com>')
}
