import { randomUUID } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { defaultGroups } from '../../src/consumers/registry.ts'
import { createPublisher } from '../../src/events/publisher.ts'
import { createKafkaClient } from '../../src/infra/kafka/client/kafka-client.ts'
import { codecs } from '../../src/infra/kafka/patches/codecs.ts'
import { createKafkaAdmin } from '../../src/infra/kafka/admin/kafka-admin.ts'
import { migrate } from '../../src/infra/postgres/schema/migrate-schema.ts'
import { deadLetterTopic } from '../../src/ingest/dead-letter.ts'
import type { LogAdmin } from '../../src/ingest/log-admin.ts'
import { daemonCommand } from '../../stack/daemon-command.ts'
import { spawnGuarded } from '../../stack/guarded-process.ts'
import type { LocalStack } from '../../stack/local-stack.ts'
import { createDatabase } from '../../stack/postgres-database.ts'
import { cleanEnvironment } from '../../stack/worker-environment.ts'
import { residentMebibytes } from '../measure/process-usage.ts'

export type CodecName = keyof typeof codecs

export interface Cell {
  readonly codec: CodecName
  readonly partitions: number
  readonly events: number
  readonly eventBytes: number
  /** From the daemon's start until all groups stand at the end of the topic. */
  readonly seconds: number
  readonly peakMegabytes: number
  /** How the daemon ended before that, or null. */
  readonly ended: string | null
}

/** Events in one record batch. */
const BATCH = 100
const DEADLINE_MS = 600_000

export function isCodecName(name: string): name is CodecName {
  return Object.hasOwn(codecs, name)
}

/** Fills a topic of its own, starts a daemon on it and watches what it holds until it has read all. */
export async function measureCell(stack: LocalStack, cell: { codec: CodecName; partitions: number; events: number }): Promise<Cell> {
  const topic = `memory-${cell.codec}-${cell.partitions}-${randomUUID().slice(0, 8)}`
  const settings = { brokers: stack.kafka.bootstrap, clientId: 'bench' }
  const folder = await mkdtemp(path.join(tmpdir(), 'kafka-worker-bench-'))
  const admin = createKafkaAdmin(settings)
  try {
    const names = [topic, ...defaultGroups.map((group) => deadLetterTopic(topic, `${topic}.${group}`))]
    for (const name of names) await admin.createTopic({ name, partitions: cell.partitions })
    const databaseUrl = await createDatabase(stack.postgres.url, topic.replaceAll('-', '_'))
    for (const set of ['app', 'worker'] as const) await migrate({ connectionString: databaseUrl }, set, { onProgress: () => undefined })
    const sent = await fill(settings, topic, cell)
    const environment = {
      KAFKA_BROKERS: settings.brokers.join(','),
      KAFKA_TOPIC: topic,
      KAFKA_GROUP_PREFIX: `${topic}.`,
      KAFKA_START_FROM: 'earliest',
      DATABASE_URL: databaseUrl,
      SMTP_URL: stack.smtp.url,
      MAIL_FROM: 'Bench <bench@example.com>',
      REFERRAL_LINK_TEMPLATE: 'https://example.com/r/{referral_code}',
      HTTP_PORT: '0',
    }
    const logFile = path.join(folder, 'daemon.log')
    return { ...cell, ...sent, ...(await catchUp(admin, topic, environment, logFile)) }
  } finally {
    await admin.disconnect()
    await rm(folder, { recursive: true })
  }
}

async function fill(
  settings: { readonly brokers: readonly string[]; readonly clientId: string },
  topic: string,
  { codec, partitions, events }: { codec: CodecName; partitions: number; events: number },
): Promise<{ eventBytes: number }> {
  const { kafka, destroyConnections: cut } = createKafkaClient(settings, { retries: 5 })
  const producer = kafka.producer()
  await producer.connect()
  let eventBytes = 0
  let turn = 0
  const publisher = createPublisher({
    topic,
    transport: {
      async send(_, messages) {
        const partition = turn++ % partitions
        eventBytes = messages[0]?.value.length ?? 0
        await producer.send({ topic, compression: codecs[codec], messages: messages.map((message) => ({ ...message, partition })) })
      },
    },
  })
  const campaign = { accountId: randomUUID(), campaignId: randomUUID() }
  for (let left = events; left > 0; left -= BATCH) {
    await publisher.publishMany(
      Array.from({ length: Math.min(BATCH, left) }, () => ({
        type: 'referral.created' as const,
        ...campaign,
        referralId: randomUUID(),
        referrerId: randomUUID(),
        referredId: randomUUID(),
      })),
    )
  }
  await producer.disconnect()
  cut()
  return { eventBytes }
}

async function catchUp(admin: LogAdmin, topic: string, environment: Record<string, string>, logFile: string) {
  const { command, args } = daemonCommand()
  const startedAt = performance.now()
  const daemon = await spawnGuarded(command, args, { env: cleanEnvironment(environment), logFile, lastSignal: 'SIGTERM' })
  let ended: string | null = null
  void daemon.exited.then((how) => (ended ??= how))
  let peakMegabytes = 0
  while (ended === null && !(await atTheEnd(admin, topic))) {
    peakMegabytes = Math.round((await residentMebibytes(daemon.pid, 'peak')) ?? peakMegabytes)
    if (performance.now() - startedAt > DEADLINE_MS) ended = `not at the end of the topic after ${DEADLINE_MS / 1000} s`
    await pause(250)
  }
  peakMegabytes = Math.round((await residentMebibytes(daemon.pid, 'peak')) ?? peakMegabytes)
  const seconds = Math.round((performance.now() - startedAt) / 100) / 10
  const how = ended
  await daemon.end('SIGTERM', 30_000)
  return {
    seconds,
    peakMegabytes,
    ended: how === null ? null : `${how}: ${(await readFile(logFile, 'utf8')).trimEnd().split('\n').at(-1)}`,
  }
}

async function atTheEnd(admin: LogAdmin, topic: string): Promise<boolean> {
  const ranges = await admin.ranges(topic)
  for (const group of defaultGroups) {
    const committed = await admin.committed(`${topic}.${group}`, topic)
    for (const [partition, { high }] of ranges) if ((committed.get(partition) ?? -1n) < high) return false
  }
  return true
}
