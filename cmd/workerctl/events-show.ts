import type { Command } from 'commander'
import type { Config } from '../../config/load.ts'
import { uuidOf } from '../../src/admin/intents/intent-filter.ts'
import type { OperatorGroup } from '../../src/admin/operator-group.ts'
import { requireTopic } from '../../src/admin/require-topics.ts'
import { channelList } from '../../src/daemon/compose/channels.ts'
import { readTopicRanges } from '../../src/infra/kafka/consumer/read-topic-since.ts'
import { createTimelineReader } from '../../src/infra/postgres/admin/postgres-timeline.ts'
import { checkSchema } from '../../src/infra/postgres/schema/schema-check.ts'
import { OperatorError } from '../../src/std/failure.ts'
import { configure, withDatabase, withKafka } from './connections.ts'
import { eventReading, printEvent, type ShownEvent } from './events-context.ts'
import { renderJson } from './render-json.ts'
import type { Terminal } from './terminal.ts'

interface Options {
  readonly topic?: string
  readonly reveal?: boolean
  readonly json?: boolean
}

const HELP = `
Shows the record of one event: by its id, if a group has read it, or by its partition and offset. "timeline --event" says what became of it.
Personal fields, and what is not known to be free of them, are *** unless --reveal is given.

Examples:
  npm run workerctl -- events show 550e8400-e29b-41d4-a716-446655440000
  npm run workerctl -- events show 3/4711 --topic domain-events --reveal`

export function addEventsShow(parent: Command, terminal: Terminal): void {
  parent
    .command('show')
    .argument('<event>', 'the id of an event, or PARTITION/OFFSET')
    .description('show the record of one event')
    .option('--topic <topic>', 'of this topic instead of KAFKA_TOPIC')
    .option('--reveal', 'show personal fields')
    .option('--json', 'print one JSON object')
    .addHelpText('after', HELP)
    .action(async (named: string, options: Options) => {
      const { config, groups } = configure(terminal)
      const place = placeOf(named) ?? (await placeOfEvent(uuidOf('<event>', named, 'PARTITION/OFFSET such as 3/4711, or '), config, groups))
      const event = await read(config, options, place)
      if (options.json === true) terminal.out(renderJson(event))
      else printEvent(event, terminal)
    })
}

interface Place {
  readonly topic: string | null
  readonly partition: number
  readonly offset: bigint
}

function placeOf(text: string): Place | null {
  const [, partition, offset] = /^(\d{1,9})\/(\d{1,18})$/.exec(text.trim()) ?? []
  return partition === undefined || offset === undefined ? null : { topic: null, partition: Number(partition), offset: BigInt(offset) }
}

/** Where a group has read it. @throws {OperatorError} none has */
async function placeOfEvent(eventId: string, config: Config, groups: readonly OperatorGroup[]): Promise<Place> {
  const [outcome] = await withDatabase(config, async ({ sql }) => {
    await checkSchema(sql)
    return createTimelineReader(sql, channelList).outcomes(
      groups.map(({ id }) => id),
      [eventId],
    )
  })
  if (outcome === undefined)
    throw new OperatorError(
      `No group has read event ${eventId}, or it is older than DEDUPE_DAYS: "events search --event ${eventId} --since TIME" reads the topic.`,
    )
  const topic = groups.find(({ id }) => id === outcome.group)?.topic ?? null
  return { topic, partition: outcome.partition, offset: BigInt(outcome.offset) }
}

/** @throws {OperatorError} the log does not have it any more, or not yet */
async function read(config: Config, options: Options, { topic: topicOfPlace, partition, offset }: Place): Promise<ShownEvent> {
  const topic = options.topic ?? topicOfPlace ?? config.kafka.topic
  const { reader, show } = eventReading(config, { ...options, topic })
  const range = await withKafka(config, async (admin) => {
    await requireTopic(admin, options.topic, topic)
    return (await admin.ranges(topic)).get(partition)
  })
  if (range === undefined) throw new OperatorError(`Topic ${topic} has no partition ${partition}.`)
  if (offset < range.low || offset >= range.high)
    throw new OperatorError(`Partition ${partition} of ${topic} has the offsets ${range.low} to ${range.high - 1n}, and not ${offset}.`)
  const found: ShownEvent[] = []
  await readTopicRanges(reader, new Map([[partition, { from: offset, to: offset + 1n }]]), async (of, record) => {
    const event = await show(of, record)
    if (event !== null) found.push(event)
    return 'go on'
  })
  const [event] = found
  if (event === undefined)
    throw new OperatorError(`Offset ${offset} of partition ${partition} holds no record: it marks a transaction, or was removed.`)
  return event
}
