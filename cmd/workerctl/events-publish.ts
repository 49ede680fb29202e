import { readFile } from 'node:fs/promises'
import type { Command } from 'commander'
import { replacePersonal, masked } from '../../src/admin/records/personal-fields.ts'
import type { EventRecord } from '../../src/events/event-transport.ts'
import { InvalidEvent } from '../../src/events/invalid-event.ts'
import { createPublisher } from '../../src/events/publisher.ts'
import type { TypedInput } from '../../src/events/publisher-input.ts'
import { messageOf, OperatorError } from '../../src/std/failure.ts'
import { configure } from './connections.ts'
import { decide, unapplied } from './decide.ts'
import { withPublisher } from './events-publisher.ts'
import { renderJson } from './render-json.ts'
import { renderTable } from './render-table.ts'
import type { Terminal } from './terminal.ts'

interface Options {
  readonly dryRun?: boolean
  readonly yes?: boolean
  readonly json?: boolean
}

const HELP = `
FILE holds one event or a list of events as JSON, by the names of the publisher's input (docs/guide/publishing.md), such as
  {"type": "user.signed_up", "accountId": "...", "campaignId": "...", "userId": "...", "email": "guest@example.com"}
"timestamp": "2026-01-31T00:00:00Z" is the time at which it happened; without, it is now. All are checked before any is sent. An event that
was published before keeps its id, by which every group suppresses it.

Examples:
  npm run workerctl -- events publish events.json --dry-run
  npm run workerctl -- events publish events.json --yes`

export function addEventsPublish(parent: Command, terminal: Terminal): void {
  parent
    .command('publish')
    .argument('<file>', 'a file with events as JSON; /dev/stdin reads them from a pipe')
    .description('publish events by hand, checked against the catalogue')
    .option('--dry-run', 'show what would be published')
    .option('--yes', 'publish without a prompt')
    .option('--json', 'print one JSON object; never prompts')
    .addHelpText('after', HELP)
    .action(async (file: string, options: Options) => {
      const inputs = await readInputs(file)
      const { config } = configure(terminal)
      const records = await recordsOf(inputs, config.kafka.topic)
      const decided = await decideAfter(records, options, terminal)
      const published = decided === 'apply' ? await withPublisher(config, (publisher) => publisher.publishMany(inputs)) : []
      if (options.json === true)
        return terminal.out(renderJson({ events: records.map(lineOf), published: published.map(({ eventId }) => eventId) }))
      terminal.out(
        decided === 'apply' ? `${published.length} published.` : decided === 'nothing' ? 'The list is empty.' : unapplied[decided],
      )
    })
}

async function decideAfter(records: readonly Planned[], options: Options, terminal: Terminal): ReturnType<typeof decide> {
  if (options.json !== true && records.length > 0)
    terminal.out(
      `${renderTable(
        ['TOPIC', 'TYPE', 'EVENT', 'CAMPAIGN', 'DATA'],
        records.map(lineOf).map(({ topic, type, eventId, campaignId, data }) => [topic, type, eventId, campaignId, JSON.stringify(data)]),
        terminal.columns,
      )}\n`,
    )
  return decide(records.length > 0, options, terminal)
}

/** @throws {OperatorError} the file cannot be read, or holds no events */
async function readInputs(file: string): Promise<readonly TypedInput[]> {
  let parsed: unknown
  try {
    parsed = JSON.parse(await readFile(file, 'utf8'))
  } catch (error) {
    const why = error instanceof SyntaxError ? 'it is not JSON' : messageOf(error)
    throw new OperatorError(`${file} cannot be read (${why}): give a file with one event or a list of events as JSON.`)
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the publisher checks what a caller without types gives
  return (Array.isArray(parsed) ? parsed : [parsed]).map(withTime) as readonly TypedInput[]
}

/** JSON has no dates: the time is text there, and a `Date` to the publisher, which refuses an invalid one. */
function withTime(input: unknown): unknown {
  if (typeof input !== 'object' || input === null || !('timestamp' in input) || typeof input.timestamp !== 'string') return input
  return { ...input, timestamp: rfc3339.test(input.timestamp) ? new Date(input.timestamp) : input.timestamp }
}

const rfc3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/

interface Planned {
  readonly topic: string
  readonly record: EventRecord
}

/** What would be sent. @throws {OperatorError} an event is invalid; all its faults are named, and no value */
async function recordsOf(inputs: readonly TypedInput[], topic: string): Promise<readonly Planned[]> {
  const records: Planned[] = []
  const send = async (to: string, sent: readonly EventRecord[]) => void records.push(...sent.map((record) => ({ topic: to, record })))
  try {
    await createPublisher({ transport: { send }, topic }).publishMany(inputs)
  } catch (error) {
    if (error instanceof InvalidEvent || error instanceof TypeError) throw new OperatorError(messageOf(error))
    throw error
  }
  return records
}

function lineOf({
  topic,
  record,
}: Planned): Readonly<Record<'topic' | 'type' | 'eventId' | 'campaignId', string>> & { readonly data: unknown } {
  const { 'event-type': type = '', 'event-id': eventId = '' } = record.headers
  const value = replacePersonal(JSON.parse(record.value.toString('utf8')), masked)
  const data: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, 'data') : null
  return { topic, type, eventId, campaignId: record.key, data }
}
