import type { KafkaOptions, KafkaServer } from './kafka-broker.ts'
import { startKafka } from './kafka-broker.ts'
import type { OnProgress } from './kafka-jars.ts'
import type { PostgresOptions, PostgresServer } from './postgres-server.ts'
import { startPostgres } from './postgres-server.ts'
import type { SmtpSink, SmtpSinkOptions } from './smtp-sink.ts'
import { startSmtpSink } from './smtp-sink.ts'
import type { WebhookSink, WebhookSinkOptions } from './webhook-sink.ts'
import { startWebhookSink } from './webhook-sink.ts'

export type LocalStack = {
  readonly kafka: KafkaServer
  readonly postgres: PostgresServer
  readonly smtp: SmtpSink
  readonly webhooks: WebhookSink
  /** Stops everything and removes its data; the same promise for every caller. */
  stop(): Promise<void>
}

export type LocalStackOptions = {
  readonly kafka?: Omit<KafkaOptions, 'onProgress'>
  readonly postgres?: Omit<PostgresOptions, 'onProgress'>
  readonly smtp?: SmtpSinkOptions
  readonly webhooks?: WebhookSinkOptions
  readonly onProgress?: OnProgress
}

/**
 * Kafka, PostgreSQL, an SMTP sink and a webhook sink, on 127.0.0.1 and ports of the operating system, started side by side. When one does not
 * come up the others are stopped and its error is thrown. Nothing of it outlives this process; see guard.ts.
 */
export async function startLocalStack(options: LocalStackOptions = {}): Promise<LocalStack> {
  const progress = options.onProgress ? { onProgress: options.onProgress } : {}
  const starts = [
    startKafka({ ...options.kafka, ...progress }),
    startPostgres({ ...options.postgres, ...progress }),
    startSmtpSink(options.smtp),
    startWebhookSink(options.webhooks),
  ] as const
  try {
    const [kafka, postgres, smtp, webhooks] = await Promise.all(starts)
    let stopping: Promise<void> | undefined
    return { kafka, postgres, smtp, webhooks, stop: async () => (stopping ??= stopAll([kafka, postgres, smtp, webhooks])) }
  } catch (cause) {
    const settled = await Promise.allSettled<{ stop(): Promise<void> }>(starts)
    await stopAll(settled.flatMap((start) => (start.status === 'fulfilled' ? [start.value] : [])))
    throw cause
  }
}

async function stopAll(servers: readonly { stop(): Promise<void> }[]): Promise<void> {
  await Promise.all(servers.map(async (server) => server.stop()))
}
