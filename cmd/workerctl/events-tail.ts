import type { Command } from 'commander'
import { Newest } from '../../src/admin/events/newest-records.ts'
import { requireTopic } from '../../src/admin/require-topics.ts'
import { readTopicRanges } from '../../src/infra/kafka/consumer/read-topic-since.ts'
import { configure, withKafka } from './connections.ts'
import { addReading, COLUMNS, eventReading, rowOf, type ReadingOptions, type ShownEvent } from './events-context.ts'
import { renderJson } from './render-json.ts'
import { renderTable } from './render-table.ts'
import type { Terminal } from './terminal.ts'
import { wholeNumber } from './whole-number.ts'

interface Options extends ReadingOptions {
  readonly lines: number
  readonly follow: boolean
}

const HELP = `
Shows the newest events of each partition's end, then each new one until Ctrl-C. Reads as a group of its own, and commits nothing.
Personal fields, and what is not known to be free of them, are *** unless --reveal is given. With --json each event is one line.

Examples:
  npm run workerctl -- events tail --type 'user.*'
  npm run -s workerctl -- events tail --lines 100 --no-follow --json`

export function addEventsTail(parent: Command, terminal: Terminal): void {
  addReading(parent.command('tail'))
    .description('show the newest events, and new ones as they come')
    .option('--lines <count>', 'how many of the newest are shown first', wholeNumber(0, 10_000), 10)
    .option('--no-follow', 'end after those')
    .addHelpText('after', HELP)
    .action(async (options: Options) => {
      const { config } = configure(terminal)
      const { reader, show } = eventReading(config, options)
      const ranges = await withKafka(config, async (admin) => {
        await requireTopic(admin, options.topic, reader.topic)
        return admin.ranges(reader.topic)
      })
      const print = (events: readonly ShownEvent[]) => {
        if (options.json === true) for (const event of events) terminal.out(renderJson(event))
        else if (events.length > 0) terminal.out(renderTable(COLUMNS, events.map(rowOf), terminal.columns))
      }
      const newest = new Newest<ShownEvent>(options.lines)
      const last = [...ranges].map(([partition, { low, high }]) => {
        const from = high - BigInt(options.lines)
        return [partition, { from: from > low ? from : low, to: high }] as const
      })
      await readTopicRanges(reader, new Map(last), async (partition, record) => {
        const event = await show(partition, record)
        if (event !== null) newest.add(event)
        return 'go on'
      })
      print(newest.items())
      if (!options.follow) return
      const later = [...ranges].map(([partition, { high }]) => [partition, { from: high, to: NEVER }] as const)
      await readTopicRanges(reader, new Map(later), async (partition, record) => {
        const event = await show(partition, record)
        if (event !== null) print([event])
        return terminal.isUnread?.() === true ? 'enough' : 'go on'
      })
    })
}

/** No log is as long. */
const NEVER = 2n ** 63n - 1n
