import type { Command } from 'commander'
import { applyTopics, compareTopics, pendingSteps } from '../../src/admin/topics/apply-topics.ts'
import { systemClock as clock } from '../../src/std/clock.ts'
import { configure, withKafka } from './connections.ts'
import { renderJson } from './render-json.ts'
import type { Terminal } from './terminal.ts'
import { addTopicOptions, wantedTopics, type TopicOptions } from './topics-wanted.ts'

interface Options extends TopicOptions {
  readonly allowPartitionChange?: boolean
  readonly dryRun?: boolean
  readonly json?: boolean
}

const HELP = `
Creates the topics of events that the catalogue names (KAFKA_TOPIC where it names none), and <topic>.<group>.dlq for every group that
runs by default or is named in KAFKA_GROUPS. The dead-letter topic of another group, if there is one, is treated like the others.
Existing topics are altered where they would lose records: retention is raised to that of the class of their events (domain 30 days,
analytics 1 year, audit forever), that of dead letters to 90 days, because their cause must be found and fixed before they are
published again, a limit of size (retention.bytes) is removed, and compaction is turned off. No record is deleted by it: a longer
retention stays, and a topic that was only compacted keeps its records forever until you set retention.ms. The command is idempotent.

Partitions are added, never removed. An existing topic of events gets more only if KAFKA_TOPIC_PARTITIONS or --partitions requests
them and --allow-partition-change permits it, because later events of a campaign may then be in another partition than earlier
ones; without the flag such a plan is refused as a whole. A dead-letter topic gets as many partitions as its topic: no key moves.

Examples:
  npm run workerctl -- topics apply --dry-run
  npm run workerctl -- topics apply --replication-factor 3
  npm run workerctl -- topics apply --partitions 20 --allow-partition-change`

export function addTopicsApply(parent: Command, terminal: Terminal): void {
  addTopicOptions(parent.command('apply').description('create and alter the topics of events and of dead letters'))
    .option('--allow-partition-change', 'add partitions to existing topics of events: keys move to other partitions')
    .option('--dry-run', 'show the plan without applying it')
    .option('--json', 'print one JSON object')
    .addHelpText('after', HELP)
    .action(async (options: Options) => {
      const { config, groups } = configure(terminal)
      await withKafka(config, async (admin) => {
        const compared = await compareTopics(admin, wantedTopics(config, groups, options))
        const { steps } = compared
        if (options.json !== true) for (const sentence of steps.flatMap(({ sentences }) => sentences)) terminal.out(sentence)
        const changes = pendingSteps(compared).length
        const applied = options.dryRun !== true
        if (applied) await applyTopics(compared, { admin, allowPartitionChange: options.allowPartitionChange === true, clock })
        if (options.json === true) terminal.out(renderJson({ topics: steps, changes, applied }))
        else terminal.out(conclusion(changes, applied))
      })
    })
}

function conclusion(changes: number, applied: boolean): string {
  if (changes === 0) return 'Nothing to do.'
  return applied ? `Done: ${changes} ${changes === 1 ? 'topic' : 'topics'} created or altered.` : 'Dry run: nothing was changed.'
}
