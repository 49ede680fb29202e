import { jitter } from '../../std/backoff.ts'
import { SqlError } from '../../std/sql.ts'
import { describeFault } from '../../model/fault-policy.ts'
import type { Clock } from '../../std/clock.ts'
import type { Performed, Slot } from '../channel.ts'
import { outerDeadline, Postponed, Refusal, Unavailable } from '../channel.ts'
import type { Frozen, Intent } from '../../model/intent.ts'
import { emailRetryPolicy } from './email-retry-policy.ts'
import { parseAddress } from './mail-address.ts'
import type { MailMessage } from './mail-message.ts'
import type { MailRates } from './mail-rates.ts'
import type { MailEnvelope, MailRelay, RelaySession, SendResult } from './mail-relay.ts'
import { RelayUnavailable } from './mail-relay.ts'
import { mailContentOf, type MailCause, type MailContent } from './mail-content.ts'
import type { RenderedBodies, RenderedMail, TemplateEngine } from './mail-template.ts'
import { TemplateCompilerUnavailable, TemplateError } from './mail-template.ts'
import { messageIdOf } from './message-id.ts'
import type { Mailbox, MailParts, MimeComposer } from './mime.ts'
import type { TemplateVersions } from './template-versions.ts'
import { performed } from './mail-outcome.ts'
import { defineChannel, type Sender } from '../define-channel.ts'

export interface EmailChannelOptions {
  readonly relay: MailRelay
  /** Connections to the relay at most. */
  readonly maxConnections: number
  readonly rates: MailRates
  readonly templates: TemplateEngine
  readonly versions: TemplateVersions
  readonly mime: MimeComposer
  /** Sends for campaigns that name no address of their own; null: such mails are refused. */
  readonly mailFrom: Mailbox | null
  /** For one mail, in milliseconds. RFC 5321 (4.5.3.2.6) advises minutes: giving up early on the last reply makes duplicates. */
  readonly deadlineMs: number
  readonly clock: Clock
}

/** The only destination of mails. */
export const RELAY = 'relay'

/** Email, as the list of channels has it. */
export const emailChannel = defineChannel({
  name: 'email',
  // The relay's connections have a limit and a gate of their own; they cannot recognise a relay that accepts mails and fails them all.
  destinations: { atOnce: Infinity, failures: 5, sole: RELAY, names: { destination: 'SMTP relay', deliveries: 'mails' } },
  retry: emailRetryPolicy,
  deliveryLog: 'email_logs',
  create: createEmailChannel,
})

/**
 * Mail. A connection to the relay is acquired before the start, so that no attempt counts while the relay is down. The row is
 * `handing_over` before the first byte of the body is sent, because the end of a message cannot be taken back; its envelope goes ahead,
 * while that is committed.
 */
export function createEmailChannel(options: EmailChannelOptions): Sender<MailMessage> {
  const { relay, clock } = options
  /** The composed bytes of a start, until they are sent: only their content is stored. */
  const composed = new WeakMap<Frozen, Uint8Array>()
  /** Starts are committed: no mail is begun, at the cost of a connection, while they fail. */
  let startsWork = true
  return {
    underway: 'handing_over',
    deadlineMs: outerDeadline(options.deadlineMs),
    concurrency: options.maxConnections,
    maxRetries: () => Infinity,
    destinationOf: () => RELAY,
    client: relay,
    acquire: async (message, signal) => {
      // Compiled here, before a connection or a transaction is held.
      await compiled(options.templates, message, signal)
      const { hash, text } = options.templates.versionOf(message.template)
      await options.versions.keep(hash, text)
      await options.rates.take(parseAddress(message.to.address)?.domain ?? null, signal)
      // Behind mails of others on a slow relay's connections, its lease must not end while it waits.
      const impatient = new AbortController()
      const timer = setTimeout(() => impatient.abort(), options.deadlineMs)
      try {
        return new RelaySlot(await relay.acquire(AbortSignal.any([signal, impatient.signal])), () => (startsWork = false))
      } catch (error) {
        if (!(error instanceof RelayUnavailable)) throw error
        const ours = error.reason === 'aborted' || error.reason === 'relay-closed'
        throw new Unavailable(error.reason, ours ? null : error.retryAfterMs, { message: error.message, cause: error })
      } finally {
        clearTimeout(timer)
      }
    },
    freeze: (batch) =>
      Promise.allSettled(
        batch.map(async ({ intent, message }) => {
          const { frozen, bytes } = await freeze(intent, message, options)
          composed.set(frozen, bytes)
          return frozen
        }),
      ),
    begin: (frozen, slot) => {
      const bytes = composed.get(frozen)
      if (bytes !== undefined && startsWork) slotOf(slot).begin(envelopeOf(frozen), bytes)
    },
    perform: async (intent, frozen, message, slot, signal) => {
      // Its start is committed.
      startsWork = true
      const startedAt = clock.monotonic()
      const bytes = composed.get(frozen) ?? frozen.body ?? (await composedAgain(frozen, message, options, signal))
      if (!(bytes instanceof Uint8Array)) return bytes
      const result = await slotOf(slot).send(envelopeOf(frozen), bytes, signal)
      return performed(result, clock.monotonic() - startedAt, clock.now() - intent.createdAt.getTime())
    },
  }
}

/** Delay before a mail tries the template compiler again; milliseconds, before jitter. */
const COMPILER_RETRY_MS = 30_000

class RelaySlot implements Slot {
  readonly #session: RelaySession
  readonly #onGivenUp: () => void
  #isBegun = false

  /** @param onGivenUp called when a mail was begun over it and not sent */
  constructor(session: RelaySession, onGivenUp: () => void) {
    this.#session = session
    this.#onGivenUp = onGivenUp
  }

  begin(envelope: MailEnvelope, bytes: Uint8Array): void {
    this.#isBegun = true
    this.#session.begin(envelope, bytes)
  }

  send(envelope: MailEnvelope, bytes: Uint8Array, signal: AbortSignal): Promise<SendResult> {
    this.#isBegun = false
    return this.#session.send(envelope, bytes, signal)
  }

  release(): void {
    if (this.#isBegun) this.#onGivenUp()
    this.#isBegun = false
    this.#session.release()
  }

  stage(): string | null {
    return this.#session.stage()
  }
}

function slotOf(slot: Slot): RelaySlot {
  if (!(slot instanceof RelaySlot)) throw new Error('a mail is sent over the slot that its channel acquired')
  return slot
}

async function freeze(
  intent: Intent,
  message: MailMessage,
  { templates, mime, mailFrom, clock }: EmailChannelOptions,
): Promise<{ readonly frozen: Frozen; readonly bytes: Uint8Array }> {
  // Addresses first: nothing is composed for a mail that cannot reach its recipient alone.
  const to = addressOf(message.to.address, "The recipient's address")
  const sender = message.from.address ?? mailFrom?.address
  if (sender === undefined) throw new Refusal('no-sender', 'The campaign names no sender, and MAIL_FROM is not set.')
  const from = addressOf(sender, "The sender's address of the campaign")
  const replyTo = message.replyTo === undefined ? undefined : addressOf(message.replyTo, 'The reply-to address of the campaign').address
  // Addresses in the envelope request SMTPUTF8 from the relay; one that is in a header alone would be sent raw.
  if (replyTo !== undefined && !isAscii(replyTo)) {
    throw new Refusal('invalid-address', 'The reply-to address of the campaign has letters beyond ASCII before its @; give another one')
  }
  const fromName = message.from.name ?? (message.from.address === undefined ? mailFrom?.name : undefined)
  const { subject, values, ...bodies } = await render(templates, message)
  const content: MailContent = {
    template: templates.versionOf(message.template).hash,
    values,
    fromName: fromName?.toWellFormed() ?? null,
    toName: message.to.name?.toWellFormed() ?? null,
    date: new Date(clock.now()).toISOString(),
    unsubscribeUrl: message.unsubscribeUrl ?? null,
    cause: causeOf(intent),
  }
  const envelope = {
    to: to.address,
    // As the platform writes it: suppressions are found by that spelling.
    ...(to.address === message.to.address ? {} : { address: message.to.address }),
    from: from.address,
    ...(replyTo === undefined ? {} : { replyTo }),
    subject: subject.toWellFormed(),
    type: message.type,
    templateId: message.templateId,
    messageId: messageIdOf({ eventId: intent.eventId ?? intent.key, type: message.type, userId: message.userId }, from.domain),
  }
  const frozen = {
    envelope: { ...envelope, content: { ...content, cause: content.cause === null ? null : { ...content.cause } } },
    body: null,
  }
  return { frozen, bytes: mime.compose(partsOf(frozen, content, bodies)) }
}

function envelopeOf(frozen: Frozen): MailEnvelope {
  return { from: textOf(frozen, 'from'), to: textOf(frozen, 'to') }
}

/** The content from which every copy of a mail is composed. */
function partsOf(frozen: Frozen, content: MailContent, bodies: RenderedBodies): MailParts {
  const { replyTo } = frozen.envelope
  return {
    from: { address: textOf(frozen, 'from'), ...(content.fromName === null ? {} : { name: content.fromName }) },
    to: { address: textOf(frozen, 'to'), ...(content.toName === null ? {} : { name: content.toName }) },
    ...(typeof replyTo === 'string' ? { replyTo } : {}),
    subject: textOf(frozen, 'subject'),
    ...bodies,
    messageId: textOf(frozen, 'messageId'),
    date: new Date(content.date),
    headers: {
      ...(content.unsubscribeUrl === null ? {} : unsubscribeHeaders(content.unsubscribeUrl)),
      ...(content.cause === null ? {} : causeHeaders(content.cause)),
    },
  }
}

/**
 * The bytes of a mail that was started before, or why they cannot be composed: then nothing of this attempt has reached the relay. Resolves
 * soon after `signal` aborts.
 */
async function composedAgain(
  frozen: Frozen,
  message: MailMessage,
  options: EmailChannelOptions,
  signal: AbortSignal,
): Promise<Uint8Array | Performed> {
  const aborted = Promise.withResolvers<Performed>()
  const onAbort = () => aborted.resolve(notComposed('aborted', 'Its template was not ready in time', false))
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  try {
    return await Promise.race([composeAgain(frozen, message, options), aborted.promise])
  } catch (error) {
    if (error instanceof TemplateError) return notComposed(error.reason, error.message, true)
    if (error instanceof TemplateCompilerUnavailable) return notComposed('template-compiler-unavailable', error.message, false)
    if (error instanceof SqlError) return notComposed('template-version-unread', `database: ${describeFault(error)}`, false)
    return notComposed('not-composed', describeFault(error), true)
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

async function composeAgain(
  frozen: Frozen,
  message: MailMessage,
  { templates, versions, mime }: EmailChannelOptions,
): Promise<Uint8Array | Performed> {
  const content = mailContentOf(frozen.envelope['content'])
  if (content === null) return notComposed('not-composed', 'Another version of this program wrote what the mail is made of', true)
  // The template is nearly always unchanged; otherwise its stored text is used.
  const today = templates.versionOf(message.template)
  const text = today.hash === content.template ? today.text : await versions.find(content.template)
  if (text === null) return notComposed('template-version-missing', 'The stored version of its template is gone', true)
  const bodies = await templates.renderAgain({ hash: content.template, text }, content.values)
  return mime.compose(partsOf(frozen, content, bodies))
}

function notComposed(reason: string, error: string, countsAsAttempt: boolean): Performed {
  return { is: 'retry', reason, countsAsAttempt, reply: { error }, outcomeSignal: { is: 'none' } }
}

function isAscii(text: string): boolean {
  // eslint-disable-next-line no-control-regex -- all of ASCII is meant
  return /^[\x00-\x7f]*$/.test(text)
}

function causeOf({ eventId, correlationId }: Intent): MailCause | null {
  return eventId === null ? null : { eventId, correlationId: correlationId ?? eventId }
}

/** Of these names there is no standard; they are the usual ones. */
function causeHeaders({ eventId, correlationId }: MailCause): Record<string, string> {
  return { 'X-Correlation-ID': correlationId, 'X-Causation-ID': eventId }
}

/** RFC 2369, 3.2, and RFC 8058, 3.1: the URL between angle brackets, and that one POST to it, without a question, is enough. */
function unsubscribeHeaders(url: string): Record<string, string> {
  return { 'List-Unsubscribe': `<${url}>`, 'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click' }
}

function addressOf(text: string, what: string): { address: string; domain: string } {
  const parsed = parseAddress(text)
  if (parsed === null) throw new Refusal('invalid-address', `${what} is not a plain address of the form name@domain`)
  return parsed
}

async function compiled(templates: TemplateEngine, message: MailMessage, signal: AbortSignal): Promise<void> {
  try {
    await templates.ready(message.template, signal)
  } catch (error) {
    if (!(error instanceof TemplateCompilerUnavailable)) throw error
    throw new Postponed('template-compiler-unavailable', jitter(COMPILER_RETRY_MS))
  }
}

async function render(templates: TemplateEngine, message: MailMessage): Promise<RenderedMail> {
  try {
    return await templates.render(message.template, message.values, message.branding)
  } catch (error) {
    if (error instanceof TemplateError) throw new Refusal(error.reason, error.message, { cause: error })
    throw error
  }
}

function textOf(frozen: Frozen, field: string): string {
  const value = frozen.envelope[field]
  if (typeof value !== 'string') throw new Error(`the frozen envelope of a mail lacks "${field}"`)
  return value
}
