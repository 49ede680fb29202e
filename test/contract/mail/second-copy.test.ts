import * as fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { createEmailChannel } from '../../../src/delivery/email/email-channel.ts'
import type { MailMessage, TemplateSource } from '../../../src/delivery/email/mail-message.ts'
import { mimeComposer } from '../../../src/infra/mail/mime/mime-composer.ts'
import { createTemplateEngine } from '../../../src/infra/mail/templates/template-engine.ts'
import { SqlError } from '../../../src/std/sql.ts'
import type { Frozen } from '../../../src/model/intent.ts'
import { keepingRelay, memoryVersions } from '../../support/email-parts.ts'
import { freezeOne } from '../../support/freeze-one.ts'
import { sampleIntent } from '../../support/sample-intent.ts'

const never = new AbortController().signal
const engines = [createTemplateEngine(), createTemplateEngine()] as const
afterAll(() => Promise.all(engines.map((engine) => engine.close())))

/** Two processes on one database, the second one hours later. */
function twoProcesses() {
  const relay = keepingRelay()
  const versions = memoryVersions()
  const [first, second] = engines.map((templates, hours) =>
    createEmailChannel({
      relay,
      maxConnections: 1,
      versions,
      templates,
      rates: { take: async () => undefined },
      mime: mimeComposer,
      mailFrom: { address: 'news@example.com', name: 'The List' },
      deadlineMs: 1_000,
      clock: { now: () => 1_700_000_000_000 + hours * 7_200_000, monotonic: () => 0, sleep: async () => undefined },
    }),
  )
  if (first === undefined || second === undefined) throw new Error('two engines make two channels')
  return { relay, versions, first, second }
}

const messageOf = (template: TemplateSource, values: MailMessage['values']): MailMessage => ({
  type: 'reward_delivery',
  campaignId: '00000000-0000-4000-8000-0000000000c1',
  userId: '00000000-0000-4000-8000-0000000000a1',
  to: { address: 'ann@example.org', name: String(values.first_name ?? '') },
  from: {},
  template,
  templateId: null,
  values,
  branding: { primaryColor: '#4f46e5' },
  unsubscribeUrl: 'https://example.com/stop',
})

/** As the database gives it back. */
const stored = ({ envelope, body }: Frozen): Frozen => ({ envelope: JSON.parse(JSON.stringify(envelope)), body })

describe('the second copy of a mail, by another process', () => {
  it.each<TemplateSource>([
    { from: 'built-in', type: 'reward_delivery' },
    {
      from: 'campaign',
      id: 't',
      subject: '{{first_name}}',
      html: '<style>p { color: red }</style><p>{{first_name}}{{^reward_code}}none{{/reward_code}}</p>',
      text: null,
    },
  ])('has the same bytes, whatever has changed in the rows: %j', async (template) => {
    const value = fc.string({ unit: 'binary', maxLength: 60 }).map((text) => text.replaceAll('\0', ''))
    await fc.assert(
      fc.asyncProperty(
        fc.record({ first_name: value, reward_code: value, reward_details: value, campaign_name: value }),
        async (values) => {
          const { relay, first, second } = twoProcesses()
          const message = messageOf(template, values)
          const slot = await first.acquire(message, never)
          const frozen = await freezeOne(first, sampleIntent(), message)
          await first.perform(sampleIntent(), frozen, message, slot, never)
          // The template was edited and the person renamed meanwhile.
          const now = messageOf({ from: 'campaign', id: 't', subject: 'New', html: '<p>new</p>', text: 'new' }, { first_name: 'Somebody' })
          await second.perform(sampleIntent(), stored(frozen), now, await second.acquire(now, never), never)
          const [one, two] = relay.mails
          expect(String(one)).toContain('\r\nDate: Tue, 14 Nov 2023 22:13:20 +0000\r\n')
          expect(Buffer.compare(one ?? Buffer.alloc(0), two ?? Buffer.alloc(1))).toBe(0)
        },
      ),
      { numRuns: 50 },
    )
  })

  it('is deferred, not sent in another form, when the version of its template cannot be found', async () => {
    const { relay, versions, first, second } = twoProcesses()
    const message = messageOf({ from: 'built-in', type: 'welcome' }, { first_name: 'Ann' })
    const frozen = await freezeOne(first, sampleIntent(), message)
    const slot = await second.acquire(message, never)
    versions.stored.clear()
    const edited = messageOf({ from: 'campaign', id: 't', subject: 'New', html: '<p>new</p>', text: 'new' }, {})
    const performed = await second.perform(sampleIntent(), stored(frozen), edited, slot, never)
    expect(performed).toMatchObject({ is: 'retry', reason: 'template-version-missing', countsAsAttempt: true })
    expect(relay.mails).toEqual([])
  })

  it('counts no attempt while the database does not return its template', async () => {
    const { relay, versions, first, second } = twoProcesses()
    const message = messageOf({ from: 'built-in', type: 'welcome' }, { first_name: 'Ann' })
    const frozen = await freezeOne(first, sampleIntent(), message)
    const slot = await second.acquire(message, never)
    versions.find = () => Promise.reject(new SqlError('gone', {}))
    const edited = messageOf({ from: 'campaign', id: 't', subject: 'New', html: '<p>new</p>', text: 'new' }, {})
    const performed = await second.perform(sampleIntent(), stored(frozen), edited, slot, never)
    expect(performed).toMatchObject({ is: 'retry', reason: 'template-version-unread', countsAsAttempt: false })
    expect(relay.mails).toEqual([])
  })

  it('needs no stored version while its template is unchanged, because a restored database lacks the newest versions', async () => {
    const { relay, versions, first, second } = twoProcesses()
    const message = messageOf({ from: 'built-in', type: 'welcome' }, { first_name: 'Ann' })
    const frozen = await freezeOne(first, sampleIntent(), message)
    const slot = await second.acquire(message, never)
    versions.stored.clear()
    versions.find = () => Promise.reject(new Error('must not be reached'))
    expect(await second.perform(sampleIntent(), stored(frozen), message, slot, never)).toMatchObject({ is: 'done', state: 'sent' })
    expect(relay.mails).toHaveLength(1)
  })

  it('is not sent, and not in doubt, when it cannot be composed: its content is unreadable, or the deadline has passed', async () => {
    const { relay, versions, first, second } = twoProcesses()
    const message = messageOf({ from: 'built-in', type: 'welcome' }, { first_name: 'Ann' })
    const { envelope } = await freezeOne(first, sampleIntent(), message)
    const slot = await second.acquire(message, never)
    const unreadable = { envelope: { ...envelope, content: { form: 'of another build' } }, body: null }
    expect(await second.perform(sampleIntent(), unreadable, message, slot, never)).toMatchObject({ is: 'retry', reason: 'not-composed' })
    versions.find = () => new Promise(() => undefined)
    const edited = messageOf({ from: 'campaign', id: 't', subject: 'New', html: '<p>new</p>', text: 'new' }, {})
    const abort = new AbortController()
    const performing = second.perform(sampleIntent(), stored({ envelope, body: null }), edited, slot, abort.signal)
    abort.abort()
    expect(await performing).toMatchObject({ is: 'retry', reason: 'aborted', countsAsAttempt: false })
    expect(relay.mails).toEqual([])
  })

  it('of an older version of this program has the bytes that were stored', async () => {
    const { relay, second } = twoProcesses()
    const message = messageOf({ from: 'built-in', type: 'welcome' }, { first_name: 'Ann' })
    const frozen = { envelope: { from: 'news@example.com', to: 'ann@example.org' }, body: Buffer.from('the mail') }
    await second.perform(sampleIntent(), frozen, message, await second.acquire(message, never), never)
    expect(relay.mails.map(String)).toEqual(['the mail'])
  })
})
