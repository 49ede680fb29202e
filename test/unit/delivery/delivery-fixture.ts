import { channelList } from '../../../src/daemon/compose/channels.ts'
import type { Channels } from '../../../src/delivery/define-channel.ts'
import { Destinations } from '../../../src/delivery/destinations.ts'
import type { SendChannel, Performed } from '../../../src/delivery/channel.ts'
import type { MailMessage } from '../../../src/delivery/email/mail-message.ts'
import type { Executor } from '../../../src/delivery/executor.ts'
import { executeIntent } from '../../../src/delivery/execute-intent.ts'
import type { Executed } from '../../../src/delivery/attempt.ts'
import { createKindTable } from '../../../src/delivery/kind-table.ts'
import { prepareEach, recordEach, type AnyIntentKind, type AttemptOutcome, type IntentKind } from '../../../src/model/intent-kind.ts'
import type { TransactionChannel } from '../../../src/delivery/transaction-channel.ts'
import type { WebhookMessage } from '../../../src/delivery/webhook/webhook-message.ts'
import type { Fact } from '../../../src/model/fact.ts'
import { createAutoAdvancingClock } from '../../support/auto-advancing-clock.ts'
import { sampleIntent } from '../../support/sample-intent.ts'
import { MemoryIntentStore } from '../../support/memory-intent-store.ts'

export const mailMessage: MailMessage = {
  type: 'welcome',
  campaignId: 'c1',
  userId: 'u1',
  to: { address: 'ann@example.org' },
  from: {},
  template: { from: 'built-in', type: 'welcome' },
  templateId: null,
  values: {},
  branding: {},
}

export const sent: Performed = { is: 'done', state: 'sent', reply: { status: 250 } }

/** A channel that does what the test says, and counts the slots that are out. */
export interface FakeChannel<Message> extends SendChannel<Message> {
  acquire: SendChannel<Message>['acquire']
  freeze: SendChannel<Message>['freeze']
  begin?: NonNullable<SendChannel<Message>['begin']>
  perform: SendChannel<Message>['perform']
  destinationOf: SendChannel<Message>['destinationOf']
  slotsOut: number
  retry: SendChannel<Message>['retry']
}

function fakeChannel<Message>(name: 'email' | 'webhook', underway: 'handing_over' | 'claimed'): FakeChannel<Message> {
  const channel: FakeChannel<Message> = {
    name,
    underway,
    deadlineMs: 1_000,
    concurrency: Infinity,
    deliveryLog: name === 'email' ? 'email_logs' : 'webhook_deliveries',
    retry: { delays: () => [1_000, 5_000], jitter: 'equal', retryAfter: { defaultMs: 60_000, maxMs: 600_000 } },
    maxRetries: () => Infinity,
    slotsOut: 0,
    destinationOf: () => (name === 'email' ? 'relay' : 'endpoint-1'),
    async acquire() {
      channel.slotsOut += 1
      let out = true
      return {
        release() {
          if (out) channel.slotsOut -= 1
          out = false
        },
      }
    },
    freeze: async (batch) => batch.map(() => ({ status: 'fulfilled', value: { envelope: { name }, body: Buffer.from('bytes') } })),
    perform: async () => sent,
  }
  return channel
}

/** The mail kind, ready to send, with what the test wants otherwise. */
export function mailKind(change: Partial<IntentKind<'email'>> = {}): IntentKind<'email'> {
  return {
    kind: 'mail',
    version: 1,
    channel: 'email',
    prepare: prepareEach(async () => ({ is: 'message', message: mailMessage })),
    ...change,
  }
}

export interface DeliveryFixture {
  readonly executor: Executor
  readonly store: MemoryIntentStore
  readonly facts: readonly Fact[]
  readonly email: FakeChannel<MailMessage>
  readonly webhook: FakeChannel<WebhookMessage>
  /** The facts of one kind, so far. */
  readonly reported: <Is extends Fact['is']>(is: Is) => Extract<Fact, { is: Is }>[]
}

/** Everything that executes intents, without a network or a database. */
export function createDeliveryFixture(kinds: readonly AnyIntentKind[] = [mailKind()], change: Partial<Executor> = {}): DeliveryFixture {
  const store = new MemoryIntentStore()
  const facts: Fact[] = []
  const email = fakeChannel<MailMessage>('email', 'handing_over')
  const webhook = fakeChannel<WebhookMessage>('webhook', 'claimed')
  const leaderboard: TransactionChannel<never> = { name: 'leaderboard', deadlineMs: 1_000, run: async () => ({ is: 'lost' }) }
  // Only those that the kinds of a test use; others may be added to the program.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const channels = { email, webhook, leaderboard, broadcast: { ...leaderboard, name: 'broadcast' } } as Pick<
    Channels,
    'email' | 'webhook' | 'leaderboard' | 'broadcast'
  > as Channels
  return {
    store,
    facts,
    email,
    webhook,
    executor: {
      store,
      kinds: createKindTable(kinds),
      channels,
      destinations: new Destinations((fact) => facts.push(fact), { channels: channelList }),
      clock: createAutoAdvancingClock(),
      observe: (fact) => facts.push(fact),
      ambiguous: { hold: false, retryMs: 60_000 },
      ...change,
    },
    reported: (is) => facts.filter((fact): fact is Extract<Fact, { is: typeof is }> => fact.is === is),
  }
}

/** Executes one intent to the end of its recording. */
export async function execute(
  { executor }: DeliveryFixture,
  intent = sampleIntent(),
  signal = new AbortController().signal,
): Promise<Executed> {
  const executed = await executeIntent(executor, intent, signal)
  if (executed.is === 'done') await executed.recording?.written
  return executed
}

/** The mail kind with outcomes of its own to record, each of which gets the note, and those that it has recorded. */
export function recordingKind(change: Partial<IntentKind<'email'>> = {}, note?: string) {
  const outcomes: AttemptOutcome[] = []
  const kind = mailKind({
    recordOutcomes: recordEach(async (_, outcome) => {
      outcomes.push(outcome)
      return note === undefined ? undefined : { note }
    }),
    ...change,
  })
  return { kind, outcomes }
}
