import type { Command } from 'commander'
import { Newest } from '../../src/admin/events/newest-records.ts'
import { parseTime } from '../../src/admin/time-option.ts'
import { requireTopic } from '../../src/admin/require-topics.ts'
import { readTopicSince } from '../../src/infra/kafka/consumer/read-topic-since.ts'
import { systemClock } from '../../src/std/clock.ts'
import { configure, withKafka } from './connections.ts'
import { addReading, COLUMNS, eventReading, rowOf, type ReadingOptions, type ShownEvent } from './events-context.ts'
import { renderJson } from './render-json.ts'
import { renderTable } from './render-table.ts'
import type { Terminal } from './terminal.ts'
import { wholeNumber } from './whole-number.ts'
import { DAY_MS } from '../../src/std/day.ts'

interface Options extends ReadingOptions {
  readonly since?: string
  readonly limit: number
}

const HELP = `
Reads the topic from --since (a day ago unless it is given) to its end, and shows the newest events that match. Commits nothing.
Personal fields, and what is not known to be free of them, are *** unless --reveal is given.

Examples:
  npm run workerctl -- events search --type reward.earned --campaign 0c9e6c1f-3b1d-4f0e-8d8a-5f0f7a1e2b33
  npm run -s workerctl -- events search --user b1f6f0de-6a1c-4f8e-9d61-3f6f0a7c4d55 --since 7d --json`

export function addEventsSearch(parent: Command, terminal: Terminal): void {
  addReading(parent.command('search'))
    .description('find events in the topic')
    .option('--since <time>', 'a time, such as 12h or 2026-01-31T00:00:00Z')
    .option('--limit <count>', 'maximum number of events shown', wholeNumber(1, 10_000), 20)
    .addHelpText('after', HELP)
    .action(async (options: Options) => {
      const since =
        options.since === undefined ? new Date(systemClock.now() - DAY_MS) : parseTime('--since', options.since, systemClock.now())
      const { config } = configure(terminal)
      const { reader, show } = eventReading(config, options)
      const newest = new Newest<ShownEvent>(options.limit)
      const read = await withKafka(config, async (admin) => {
        await requireTopic(admin, options.topic, reader.topic)
        return readTopicSince({ ...reader, admin, since }, async (partition, record) => {
          const event = await show(partition, record)
          if (event !== null) newest.add(event)
        })
      })
      const events = newest.items()
      if (options.json === true)
        return terminal.out(renderJson({ topic: reader.topic, since: since.toISOString(), read, matching: newest.count, events }))
      if (events.length > 0) terminal.out(`${renderTable(COLUMNS, events.map(rowOf), terminal.columns)}\n`)
      const shown = newest.count > events.length ? `, of which the newest ${events.length} are shown` : ''
      terminal.out(`${newest.count} of ${read} records of ${reader.topic} since ${since.toISOString()} match${shown}.`)
    })
}
