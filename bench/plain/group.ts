import { once } from 'node:events'
import kafkajs, { type Consumer, type EachMessageHandler } from 'kafkajs'
import { Pool } from 'pg'

export interface PlainEvent {
  readonly id: string
  readonly type: string
  readonly campaign_id: string
  readonly data: Readonly<Record<string, unknown>>
  readonly timestamp: string
}

/** As many as ours has workers. */
export const POOL = 10

/** A variable of this process that must be set. */
export function setting(name: string): string {
  const value = process.env[name]
  if (value === undefined) throw new Error(`${name} is not set.`)
  return value
}

/** Runs a group whose handler claims each event by one INSERT and then does its effect; resolves once it has its partitions. */
export async function consume(base: string, effect: (event: PlainEvent) => Promise<void>): Promise<Consumer> {
  const database = new Pool({ connectionString: setting('DATABASE_URL'), max: POOL })
  const group = base + setting('GROUP_SUFFIX')
  return runGroup(group, async ({ message }) => {
    const event = parse(message.value)
    const claim = await database.query('INSERT INTO processed_events (consumer, event_id) VALUES ($1, $2) ON CONFLICT DO NOTHING', [
      group,
      event.id,
    ])
    if (claim.rowCount === 1) await effect(event)
  })
}

/** A consumer of the topic from its beginning, with `eachMessage` as the tutorials have it and one partition per worker. */
export async function runGroup(groupId: string, eachMessage: EachMessageHandler): Promise<Consumer> {
  const brokers = setting('KAFKA_BROKERS').split(',')
  const consumer = new kafkajs.Kafka({ clientId: groupId, brokers, logLevel: kafkajs.logLevel.ERROR }).consumer({ groupId })
  const joined = new Promise<void>((resolve) => consumer.on('consumer.group_join', () => resolve()))
  await consumer.connect()
  await consumer.subscribe({ topic: setting('KAFKA_TOPIC'), fromBeginning: true })
  await consumer.run({ partitionsConsumedConcurrently: POOL, eachMessage })
  await joined
  return consumer
}

export function parse(value: Buffer | null): PlainEvent {
  const event: PlainEvent = JSON.parse(String(value))
  return event
}

/** Says that all groups have their partitions, and ends the process in order at SIGTERM. */
export function stopOnSignal(consumers: readonly Consumer[], close: () => void): void {
  process.stdout.write('{"ready":true}\n')
  void once(process, 'SIGTERM').then(async () => {
    await Promise.all(consumers.map((consumer) => consumer.disconnect()))
    close()
    process.exit(0)
  })
}
