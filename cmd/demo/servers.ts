import { once } from 'node:events'
import { createDatabase } from '../../stack/postgres-database.ts'
import { startLocalStack } from '../../stack/local-stack.ts'
import { demoGroups, type DemoGroup } from './demo-groups.ts'
import type { SmtpSink } from '../../stack/smtp-sink.ts'
import { startWebhookSink } from '../../stack/webhook-sink.ts'
import type { WebhookSink } from '../../stack/webhook-sink.ts'
import { messageOf, OperatorError } from '../../src/std/failure.ts'
import type { Progress } from './progress.ts'

/** The servers that the demo uses: its own, or existing ones. */
export interface Servers {
  readonly brokers: readonly string[]
  readonly databaseUrl: string
  readonly smtpUrl: string
  readonly topic: string
  readonly groupPrefix: string
  /** The groups that the daemon runs. */
  readonly groups: readonly DemoGroup[]
  /** Servers of the caller: their data stays. */
  readonly existing: boolean
  /** The received mails, if the relay is the demo's own. */
  readonly mails: SmtpSink | null
  readonly webhooks: WebhookSink
  stop(): Promise<void>
}

export interface ServerOptions {
  /** Keep this many mails with their bodies, to look at; 0 keeps all, without. */
  readonly mailsToShow: number
  readonly progress: Progress
  readonly signal: AbortSignal
}

/**
 * Kafka, PostgreSQL and the two sinks, on this machine and gone with this process.
 *
 * @throws {OperatorError} one of them does not come up; the stack's own sentence
 * @throws the reason of `signal` as soon as it aborts: what was started or is being downloaded ends with this process (stack/guard.ts)
 */
export async function startOwnServers({ mailsToShow, progress, signal }: ServerOptions): Promise<Servers> {
  const starting = startLocalStack({
    smtp: mailsToShow > 0 ? { keepBodies: true, keepMails: mailsToShow } : {},
    webhooks: mailsToShow > 0 ? { keepCalls: 100 } : { keepBodies: true },
    onProgress: (line, kind) => (kind === 'figure' ? progress.figure(line) : progress.line(line)),
  }).catch((error: unknown) => {
    throw new OperatorError(messageOf(error))
  })
  const stack = await Promise.race([starting, rejectedBy(signal)])
  try {
    return {
      brokers: stack.kafka.bootstrap,
      databaseUrl: await createDatabase(stack.postgres.url, 'platform'),
      smtpUrl: stack.smtp.url,
      topic: 'domain-events',
      groupPrefix: '',
      groups: demoGroups,
      existing: false,
      mails: stack.smtp,
      webhooks: stack.webhooks,
      stop: async () => stack.stop(),
    }
  } catch (error) {
    await stack.stop()
    throw error
  }
}

/**
 * The servers named by DEMO_KAFKA_BROKERS, DEMO_DATABASE_URL and DEMO_SMTP_URL, with a topic and groups of our own, so that nobody else's events are
 * read there. Only the webhook sink is still ours.
 *
 * @throws {OperatorError} one of them is not named
 */
export async function useExistingServers(environment: Readonly<Record<string, string | undefined>>): Promise<Servers> {
  const { DEMO_KAFKA_BROKERS: brokers, DEMO_DATABASE_URL: databaseUrl, DEMO_SMTP_URL: smtpUrl } = environment
  if (!brokers || !databaseUrl || !smtpUrl) {
    const missing = Object.entries({ DEMO_KAFKA_BROKERS: brokers, DEMO_DATABASE_URL: databaseUrl, DEMO_SMTP_URL: smtpUrl })
      .filter(([, value]) => !value)
      .map(([name]) => name)
    throw new OperatorError(`--existing needs ${missing.join(' and ')}: set them, or omit --existing to start new servers.`)
  }
  const webhooks = await startWebhookSink({ keepBodies: true })
  return {
    brokers: brokers.split(',').map((broker) => broker.trim()),
    databaseUrl,
    smtpUrl,
    topic: 'domain-events-demo',
    groupPrefix: 'demo-',
    groups: demoGroups,
    existing: true,
    mails: null,
    webhooks,
    stop: async () => webhooks.stop(),
  }
}

/** Rejects with the reason of `signal` when it aborts. */
async function rejectedBy(signal: AbortSignal): Promise<never> {
  if (!signal.aborted) await once(signal, 'abort')
  throw signal.reason
}
