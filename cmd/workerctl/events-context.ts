import type { Command } from 'commander'
import type { Config } from '../../config/load.ts'
import { shownRecord, type ShownRecord } from '../../src/admin/records/shown-record.ts'
import { eventSelection, type Selects, type TypedSelection } from '../../src/admin/events/event-selection.ts'
import { operatorReaders } from '../../src/admin/topics/topic-rights.ts'
import { schemaIdOf, type WriterSchemas } from '../../src/events/framed-value.ts'
import { header, headerTexts, typesInHeaders } from '../../src/events/header.ts'
import type { TopicReader } from '../../src/infra/kafka/consumer/read-topic-since.ts'
import { createRegistryClient } from '../../src/infra/registry/registry-client.ts'
import { createRegistrySchemas } from '../../src/infra/registry/registry-schemas.ts'
import type { LogRecord } from '../../src/ingest/record-source.ts'
import { unlessAddress } from '../../src/std/masked-address.ts'
import { systemClock } from '../../src/std/clock.ts'
import type { Terminal } from './terminal.ts'
import { timeCell } from './time-cell.ts'
import { registryDeadline } from './registry-deadline.ts'

export interface ReadingOptions extends TypedSelection {
  readonly topic?: string
  readonly reveal?: boolean
  readonly json?: boolean
}

/** A record as the verbs show it. */
export interface ShownEvent extends ShownRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
  /** Of the record, milliseconds since 1970. */
  readonly timestamp: number
  readonly at: string
  readonly type: string | null
  readonly id: string | null
}

/** Adds the options of {@link TypedSelection} and those of every verb that shows records. */
export function addReading(command: Command): Command {
  return command
    .option('--topic <topic>', 'of this topic instead of KAFKA_TOPIC')
    .option('--type <type>', 'only of this type, or of a family such as user.*')
    .option('--event <id>', 'only the event of this id')
    .option('--campaign <id>', 'only of this campaign')
    .option('--user <id>', 'only about this person')
    .option('--producer <name>', 'only of this program, by its header')
    .option('--correlation <id>', 'only with this correlation id')
    .option('--reveal', 'show personal fields')
    .option('--json', 'print JSON')
}

/** How records are read and shown. */
export interface EventReading {
  readonly reader: TopicReader
  /** Of a record that is meant; null for any other. */
  readonly show: (partition: number, record: LogRecord) => Promise<ShownEvent | null>
}

/** @throws {OperatorError} naming the option that is wrong */
export function eventReading({ kafka, accept }: Config, options: ReadingOptions): EventReading {
  const selects: Selects = eventSelection(options)
  const { brokers, clientId, tls, sasl, groupPrefix, registry, registryNow } = kafka
  const topic = options.topic ?? kafka.topic
  const schemas = registry === null ? null : createRegistrySchemas(createRegistryClient(registryNow), systemClock)

  async function readersOf({ value }: LogRecord): Promise<WriterSchemas | undefined> {
    const id = schemaIdOf(value)
    return id === null || schemas === null ? undefined : new Map([[id, await schemas.reader(id, registryDeadline())]])
  }

  return {
    reader: {
      settings: { brokers, clientId: `${clientId}-workerctl`, tls, sasl },
      group: operatorReaders(groupPrefix).letters,
      topic,
      maxEventBytes: accept.eventMaxBytes,
    },
    async show(partition, record) {
      const readers = await readersOf(record)
      if (!selects(record, readers)) return null
      const reveal = options.reveal === true
      const shown = shownRecord(record, { reveal, schemas: readers })
      const { offset, timestamp } = record
      // Of the headers, which may hold anything.
      const ofHeader = (text: string | null) => (text === null || reveal ? text : unlessAddress(text))
      const id = ofHeader(headerTexts(record, header.id)[0] ?? idIn(shown.value))
      const type = ofHeader(typeOf(record, shown.value))
      return { topic, partition, offset, timestamp, at: new Date(timestamp).toISOString(), type, id, ...shown }
    },
  }
}

function typeOf(record: LogRecord, value: unknown): string | null {
  return typesInHeaders(record)[0] ?? textIn(value, 'type')
}

function idIn(value: unknown): string | null {
  return textIn(value, 'id')
}

function textIn(value: unknown, name: string): string | null {
  const found: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, name) : null
  return typeof found === 'string' ? found : null
}

/** The columns of {@link rowOf}. */
export const COLUMNS = ['AT', 'PARTITION', 'OFFSET', 'TYPE', 'EVENT', 'DATA']

export function rowOf({ partition, offset, timestamp, type, id, value }: ShownEvent): readonly (string | number | bigint | null)[] {
  return [timeCell(new Date(timestamp)), partition, offset, type, id, dataOf(value)]
}

/** On one line. */
function dataOf(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value)
  return JSON.stringify('data' in value ? value.data : value)
}

/** One event in full. */
export function printEvent(event: ShownEvent, terminal: Terminal): void {
  const rows: readonly (readonly [string, string | null])[] = [
    ['Event', [event.type, event.id].filter((part) => part !== null).join(' ') || null],
    ['At', `${event.topic}, partition ${event.partition}, offset ${event.offset}; ${timeCell(new Date(event.timestamp))}`],
    ['Key', event.key],
    ...Object.entries(event.headers).map(([name, text]) => ['Header', `${name}: ${text}`] as const),
    ...event.errors.map(({ field, rule }) => ['Wrong', `${field}: ${rule}`] as const),
  ]
  for (const [name, text] of rows) if (text !== null) terminal.out(`${name.padEnd(8)} ${text}`)
  terminal.out(`\n${typeof event.value === 'string' ? event.value : JSON.stringify(event.value, null, 2)}`)
}
