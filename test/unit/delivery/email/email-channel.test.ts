import { describe, expect, it } from 'vitest'
import { createEmailChannel } from '../../../../src/delivery/email/email-channel.ts'
import type { MailMessage } from '../../../../src/delivery/email/mail-message.ts'
import type { MailRelay, SendResult } from '../../../../src/delivery/email/mail-relay.ts'
import { RelayUnavailable } from '../../../../src/delivery/email/mail-relay.ts'
import { TemplateCompilerUnavailable, TemplateError, type TemplateVersion } from '../../../../src/delivery/email/mail-template.ts'
import { quotedPrintable } from '../../../../src/infra/mail/mime/quoted-printable.ts'
import { memoryVersions } from '../../../support/email-parts.ts'
import type { MailParts } from '../../../../src/delivery/email/mime.ts'
import type { Intent } from '../../../../src/model/intent.ts'
import { freezeOne } from '../../../support/freeze-one.ts'

const never = new AbortController().signal
const intent: Intent = {
  id: '1',
  group: 'email-workers',
  kind: 'mail',
  version: 1,
  channel: 'email',
  key: 'k',
  class: 'live',
  coalesce: false,
  eventId: 'e1',
  eventAt: null,
  correlationId: null,
  traceparent: null,
  campaignId: 'c1',
  userId: 'u1',
  destination: null,
  data: {},
  attempt: 0,
  ambiguous: 0,
  waitingSince: null,
  reason: null,
  createdAt: new Date(0),
  frozen: null,
  claim: { id: '1', owner: 'o', claims: 1 },
}
const message: MailMessage = {
  type: 'welcome',
  campaignId: 'c1',
  userId: 'u1',
  to: { address: 'ann@example.org', name: 'Ann' },
  from: {},
  template: { from: 'built-in', type: 'welcome' },
  templateId: null,
  values: {},
  branding: {},
}

const version: TemplateVersion = { hash: 'hash of the template', text: { from: 'built-in', subject: 'S', html: '<p>H</p>', text: 'T' } }

function setUp(
  options: {
    result?: SendResult
    unavailable?: RelayUnavailable
    template?: TemplateError
    compiler?: Error
    deadlineMs?: number
    waits?: boolean
    now?: number
  } = {},
) {
  const composed: MailParts[] = []
  const versions = memoryVersions()
  const begun: unknown[] = []
  const sent: unknown[] = []
  const rateDomains: (string | null)[] = []
  let released = 0
  const relay: MailRelay = {
    host: 'none',
    away: () => null,
    acquire: async (signal) => {
      if (options.waits) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
      if (options.waits) throw new RelayUnavailable('aborted', 'given up', 0)
      if (options.unavailable) throw options.unavailable
      return {
        begin: (envelope) => void begun.push(envelope),
        send: async (envelope, body) => {
          sent.push({ envelope, body: Buffer.from(body).toString() })
          return options.result ?? { is: 'accepted', code: 250, providerId: 'q1' }
        },
        stage: () => null,
        release: () => (released += 1),
      }
    },
    verify: async () => undefined,
    stats: () => ({ connecting: 0, inUse: 0, idle: 0, waiting: 0, opened: 0, failures: 0 }),
    close: async () => undefined,
  }
  const channel = createEmailChannel({
    relay,
    maxConnections: 1,
    versions,
    rates: { take: async (domain) => void rateDomains.push(domain) },
    templates: {
      ready: async () => {
        if (options.compiler) throw options.compiler
      },
      close: async () => undefined,
      versionOf: () => version,
      render: async () => {
        if (options.template) throw options.template
        return { subject: 'Hello', html: quotedPrintable('<p>Hello</p>'), text: quotedPrintable('Hello'), values: { first_name: 'Ann' } }
      },
      renderAgain: async () => {
        if (options.template) throw options.template
        return { html: quotedPrintable('<p>Hello</p>'), text: quotedPrintable('Hello') }
      },
    },
    mime: {
      compose: (parts) => {
        composed.push(parts)
        return Buffer.from('bytes')
      },
    },
    mailFrom: { address: 'news@example.com', name: 'News' },
    deadlineMs: options.deadlineMs ?? 60_000,
    clock: { now: () => options.now ?? 1_000, monotonic: () => 1_000, sleep: async () => undefined },
  })
  const perform = async () => {
    const frozen = await freezeOne(channel, intent, message)
    const slot = await channel.acquire(message, never)
    channel.begin?.(frozen, slot)
    const performed = await channel.perform(intent, frozen, message, slot, never)
    slot.release()
    return performed
  }
  return { channel, composed, sent, rateDomains, perform, versions, begun, released: () => released }
}

describe('freeze', () => {
  it('answers for each of a batch in its order, and refuses the one that can never be sent alone', async () => {
    const { channel } = setUp()
    const batch = ['ann@example.com', 'no address', 'bob@example.com'].map((address) => ({
      intent,
      message: { ...message, to: { address } },
    }))
    expect(await channel.freeze(batch)).toMatchObject([
      { status: 'fulfilled', value: { envelope: { to: 'ann@example.com' } } },
      { status: 'rejected', reason: { name: 'Refusal', reason: 'invalid-address' } },
      { status: 'fulfilled', value: { envelope: { to: 'bob@example.com' } } },
    ])
  })

  it('fixes envelope and bytes; the sender is the setting when the campaign has none', async () => {
    const { channel, composed } = setUp()
    const frozen = await freezeOne(channel, intent, message)
    expect(frozen.envelope).toEqual({
      to: 'ann@example.org',
      from: 'news@example.com',
      subject: 'Hello',
      type: 'welcome',
      templateId: null,
      messageId: expect.stringMatching(/^<[0-9a-f]{32}@example\.com>$/),
      content: {
        template: 'hash of the template',
        values: { first_name: 'Ann' },
        fromName: 'News',
        toName: 'Ann',
        date: new Date(1_000).toISOString(),
        unsubscribeUrl: null,
        cause: { eventId: 'e1', correlationId: 'e1' },
      },
    })
    expect(frozen.body).toBeNull()
    expect(composed[0]).toMatchObject({ from: { address: 'news@example.com', name: 'News' }, to: { name: 'Ann' }, date: new Date(1_000) })
  })

  it('names the way to unsubscribe in two headers, and neither where there is none', async () => {
    const { channel, composed } = setUp()
    await freezeOne(channel, intent, { ...message, unsubscribeUrl: 'https://example.com/stop?user=u1' })
    await freezeOne(channel, intent, { ...message, unsubscribeUrl: null })
    const cause = { 'X-Causation-ID': 'e1', 'X-Correlation-ID': 'e1' }
    expect(composed.map(({ headers }) => headers)).toEqual([
      { ...cause, 'List-Unsubscribe': '<https://example.com/stop?user=u1>', 'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click' },
      cause,
    ])
  })
  it('names its event and the correlation id of that in two headers, and neither where no event caused it', async () => {
    const { channel, composed } = setUp()
    await freezeOne(channel, { ...intent, correlationId: 'request 7' }, message)
    await freezeOne(channel, { ...intent, eventId: null }, message)
    expect(composed.map(({ headers }) => headers)).toEqual([{ 'X-Causation-ID': 'e1', 'X-Correlation-ID': 'request 7' }, {}])
  })

  it('keeps an address as the platform writes it beside the one that goes over the wire', async () => {
    const frozen = await freezeOne(setUp().channel, intent, { ...message, to: { address: 'ann@b\u00fccher.example' } })
    expect(frozen.envelope).toMatchObject({ to: 'ann@xn--bcher-kva.example', address: 'ann@b\u00fccher.example' })
  })

  it('the campaign speaks under its own address, name and reply-to', async () => {
    const { channel, composed } = setUp()
    const from = { address: 'hi@list.example.org', name: 'The List' }
    const frozen = await freezeOne(channel, intent, { ...message, from, replyTo: 'help@example.org', templateId: 't1' })
    expect(frozen.envelope).toMatchObject({ from: 'hi@list.example.org', replyTo: 'help@example.org', templateId: 't1' })
    expect(frozen.envelope['messageId']).toMatch(/@list\.example\.org>$/)
    expect(composed[0]).toMatchObject({ from, replyTo: 'help@example.org' })
    await freezeOne(channel, intent, { ...message, from: { address: 'hi@example.org' } })
    expect(composed[1]?.from).toEqual({ address: 'hi@example.org' })
  })

  it.each([
    { to: { address: 'ann@example.org, eve@example.com' } },
    { to: { address: 'ann@example.org\r\nBcc: eve@example.com' } },
    { to: { address: '"ann"@example.org' } },
    { to: { address: 'ann' } },
    { from: { address: 'news@example.com\n' } },
    { replyTo: 'help' },
    { replyTo: 'hélp@example.org' },
  ])('refuses %j before anything is rendered, without repeating it', async (change) => {
    const { channel } = setUp({ template: new TemplateError('must not be reached') })
    const refusal = await freezeOne(channel, intent, { ...message, ...change }).catch((error: unknown) => error)
    expect(refusal).toMatchObject({
      name: 'Refusal',
      reason: 'invalid-address',
      message: expect.not.stringMatching(/ann|eve|example|help/),
    })
  })

  it('a template that cannot be used is a refusal with its sentence', async () => {
    const { channel } = setUp({ template: new TemplateError('The subject does not parse') })
    await expect(freezeOne(channel, intent, message)).rejects.toMatchObject({
      reason: 'template-error',
      message: 'The subject does not parse',
    })
    const costly = setUp({ template: new TemplateError('It takes too long', 'template-too-costly') }).channel
    await expect(freezeOne(costly, intent, message)).rejects.toMatchObject({ name: 'Refusal', reason: 'template-too-costly' })
  })
})

describe('acquire', () => {
  it("checks the rate of the recipient's domain before it takes a connection", async () => {
    const { channel, rateDomains } = setUp({ unavailable: new RelayUnavailable('relay-unreachable', 'a sentence', 700) })
    const to = (address: string) => channel.acquire({ ...message, to: { address } }, never).catch(() => undefined)
    await to('ann@Example.ORG')
    await to('no address')
    expect(rateDomains).toEqual(['example.org', null])
  })

  it('postpones a mail whose template nobody can compile now, before it takes a turn or a connection', async () => {
    const { channel, rateDomains } = setUp({ compiler: new TemplateCompilerUnavailable('no thread') })
    await expect(channel.acquire(message, never)).rejects.toMatchObject({ name: 'Postponed', reason: 'template-compiler-unavailable' })
    expect(rateDomains).toEqual([])
  })

  it('passes on that the relay is away', async () => {
    const { channel } = setUp({ unavailable: new RelayUnavailable('relay-unreachable', 'a sentence', 700) })
    await expect(channel.acquire(message, never)).rejects.toMatchObject({
      name: 'Unavailable',
      reason: 'relay-unreachable',
      retryAfterMs: 700,
      message: 'a sentence',
    })
  })
})

describe('deadlines', () => {
  it('the relay’s comes before the channel’s, and a lease is longer than both one after the other', () => {
    for (const deadlineMs of [1_000, 60_000]) {
      const { channel } = setUp({ deadlineMs })
      expect(channel.deadlineMs).toBeGreaterThan(deadlineMs)
      expect(channel.deadlineMs * 2).toBeGreaterThan(channel.deadlineMs / 2 + deadlineMs)
    }
  })

  it('a wait for a connection ends with the deadline, and is held against nobody', async () => {
    const { channel } = setUp({ deadlineMs: 5, waits: true })
    await expect(channel.acquire(message, never)).rejects.toMatchObject({ name: 'Unavailable', reason: 'aborted', retryAfterMs: null })
  })
})

describe('perform', () => {
  const refused = { is: 'refused', means: 'no-such-mailbox', code: 550, enhanced: '5.1.1', stage: 'RCPT TO' } as const
  const tooOld = 5 * 24 * 3_600_000 + 2_000

  it('sends the frozen bytes to the frozen recipient alone, and gives the connection back', async () => {
    const { perform, begun, sent, released } = setUp()
    expect(await perform()).toEqual({ is: 'done', state: 'sent', reply: { status: 250, durationMs: 0, providerId: 'q1' } })
    const envelope = { from: 'news@example.com', to: 'ann@example.org' }
    expect(begun).toEqual([envelope])
    expect(sent).toEqual([{ envelope, body: 'bytes' }])
    expect(released()).toBe(1)
  })

  it('begins no mail while starts fail: from one that is given back unsent to the next that is sent', async () => {
    const { channel, begun, perform } = setUp()
    const giveBack = async () => {
      const slot = await channel.acquire(message, never)
      channel.begin?.(await freezeOne(channel, intent, message), slot)
      slot.release()
    }
    await giveBack()
    await giveBack()
    expect(begun).toHaveLength(1)
    await perform()
    expect(begun).toHaveLength(1)
    await perform()
    expect(begun).toHaveLength(2)
  })

  it('a mail that is refused for our sake for longer than five days is given up', async () => {
    const result = { ...refused, means: 'us' } as const
    expect(await setUp({ result, now: tooOld }).perform()).toMatchObject({ is: 'dead', reason: 'relay-refuses-us' })
  })

  it.each<[string, SendResult, object]>([
    ['no such mailbox', refused, { is: 'rejected', reason: 'recipient-refused', outcomeSignal: { is: 'ok' } }],
    ['policy', { ...refused, means: 'policy' }, { is: 'rejected', reason: 'refused-by-policy', outcomeSignal: { is: 'ok' } }],
    [
      'nobody can tell',
      { ...refused, means: 'unclear' },
      { is: 'rejected', reason: 'refused-unclear', outcomeSignal: { is: 'failure', ofOne: true } },
    ],
    ['the sender', { ...refused, means: 'sender' }, { is: 'rejected', reason: 'sender-refused' }],
    ['the message', { ...refused, means: 'message' }, { is: 'rejected', reason: 'message-refused' }],
    ['beyond ASCII', { ...refused, means: 'smtputf8' }, { is: 'rejected', reason: 'smtputf8-unsupported' }],
    [
      'full or disabled',
      { ...refused, means: 'mailbox-unavailable' },
      { is: 'retry', reason: 'mailbox-unavailable', countsAsAttempt: true, outcomeSignal: { is: 'ok' } },
    ],
    [
      'the way there',
      { ...refused, means: 'undeliverable' },
      { is: 'retry', reason: 'undeliverable', countsAsAttempt: true, outcomeSignal: { is: 'failure', ofOne: true } },
    ],
    [
      'us',
      { ...refused, means: 'us' },
      { is: 'retry', reason: 'relay-refuses-us', countsAsAttempt: false, outcomeSignal: { is: 'failure', ofOne: true } },
    ],
    [
      '4xx to the recipient',
      { ...refused, means: 'later', code: 450 },
      { is: 'retry', reason: 'recipient-deferred', countsAsAttempt: true },
    ],
    [
      '421',
      { ...refused, means: 'busy', code: 421 },
      { is: 'retry', reason: 'relay-busy', countsAsAttempt: false, afterMs: 5_000, outcomeSignal: { is: 'throttled', forMs: null } },
    ],
    [
      '535',
      { ...refused, means: 'login', code: 535 },
      { is: 'retry', reason: 'relay-credentials-refused', countsAsAttempt: false, outcomeSignal: { is: 'throttled', forMs: 60_000 } },
    ],
    [
      'lost before the end',
      { is: 'not-sent', reason: 'connection-lost' },
      { is: 'retry', reason: 'connection-lost', countsAsAttempt: true, outcomeSignal: { is: 'failure' } },
    ],
    ['our own stop', { is: 'not-sent', reason: 'aborted' }, { is: 'retry', reason: 'aborted', countsAsAttempt: false }],
    [
      'no reply to the sender',
      { is: 'not-sent', reason: 'timeout-mail' },
      {
        is: 'retry',
        reason: 'timeout-mail',
        countsAsAttempt: true,
        outcomeSignal: { is: 'failure', reason: 'timeout-mail', ofOne: false },
      },
    ],
    [
      'no reply to the recipient',
      { is: 'not-sent', reason: 'timeout-rcpt' },
      { is: 'retry', reason: 'timeout-rcpt', countsAsAttempt: true, outcomeSignal: { is: 'failure', ofOne: true } },
    ],
    [
      'no reply to the whole mail',
      { is: 'ambiguous', reason: 'timeout-final-reply' },
      { is: 'ambiguous', reason: 'timeout-final-reply', outcomeSignal: { is: 'failure', ofOne: false } },
    ],
  ])('%s', async (_name, result, expected) => {
    expect(await setUp({ result }).perform()).toMatchObject(expected)
  })

  it('says codes in its own words', async () => {
    expect(await setUp({ result: refused }).perform()).toMatchObject({
      reply: { status: 550, error: 'The relay says that the mailbox does not exist at RCPT TO: 550 5.1.1' },
    })
  })
})
