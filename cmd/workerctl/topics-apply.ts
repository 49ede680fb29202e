import type { Command } from 'commander'
import { DEFAULT_PARTITIONS, plannedTopics, planTopics, type TopicStep } from '../../src/admin/topics/topic-plan.ts'
import { deadLetterTopic } from '../../src/ingest/dead-letter.ts'
import type { LogAdmin } from '../../src/ingest/log-admin.ts'
import { configure, withKafka } from './connections.ts'
import { renderJson } from './render-json.ts'
import { renderTable } from './render-table.ts'
import type { Terminal } from './terminal.ts'
import { wholeNumber } from './whole-number.ts'

interface Options {
  readonly partitions?: number
  readonly replicationFactor?: number
  readonly dryRun?: boolean
  readonly json?: boolean
}

const HELP = `
Creates KAFKA_TOPIC and <topic>.<group>.dlq for every group that runs by default or is named in KAFKA_GROUPS. The dead-letter topic of
another group, if there is one, gets as many partitions as its topic, like the others. The command is idempotent.
Dead letters are kept for 90 days, because their cause must be found and fixed before they are published again; the broker's default of
a week is too short for that. Partitions are added, never removed; an existing topic gets more only with --partitions, because later
events of a campaign may then be in another partition than earlier ones. Settings of existing topics are not changed.

Examples:
  npm run workerctl -- topics apply --dry-run
  npm run workerctl -- topics apply --partitions 20 --replication-factor 3`

export function addTopicsApply(parent: Command, terminal: Terminal): void {
  parent
    .command('apply')
    .description('create the event topic and the dead-letter topics, and add missing partitions')
    .option('--partitions <count>', `partitions of the topic (a new one gets ${DEFAULT_PARTITIONS})`, wholeNumber(1, 10_000))
    .option('--replication-factor <count>', "replicas of each new partition (unset: the broker's default)", wholeNumber(1, 100))
    .option('--dry-run', 'show the plan without applying it')
    .option('--json', 'print one JSON object')
    .addHelpText('after', HELP)
    .action(async (options: Options) => {
      const { config, groups } = configure(terminal)
      await withKafka(config, async (admin) => {
        const present = await admin.topics(plannedTopics(groups))
        const planned = groups.filter(({ enabled, id, topic }) => enabled || present.has(deadLetterTopic(topic, id)))
        const steps = planTopics({ groups: planned, partitions: options.partitions ?? null, present })
        if (options.json !== true) show(steps, terminal)
        const pending = steps.filter(({ action }) => action !== 'keep')
        if (options.dryRun !== true) await apply(pending, admin, options)
        const applied = options.dryRun !== true
        if (options.json === true) terminal.out(renderJson({ topics: steps, changes: pending.length, applied }))
        else terminal.out(conclusion(pending.length, applied))
      })
    })
}

function show(steps: readonly TopicStep[], terminal: Terminal): void {
  terminal.out(
    renderTable(
      ['TOPIC', 'ACTION', 'NOW', 'PARTITIONS', 'NOTE'],
      steps.map(({ name, action, from, partitions, note }) => [name, action, from, partitions, note ?? '']),
      terminal.columns,
    ),
  )
}

async function apply(steps: readonly TopicStep[], admin: LogAdmin, { replicationFactor }: Options): Promise<void> {
  for (const { name, action, partitions, config } of steps) {
    if (action === 'grow') await admin.growTopic(name, partitions)
    else await admin.createTopic({ name, partitions, config, ...(replicationFactor === undefined ? {} : { replicationFactor }) })
  }
}

function conclusion(changes: number, applied: boolean): string {
  if (changes === 0) return 'Nothing to do.'
  return applied ? `Done: ${changes} topics created or extended.` : 'Dry run: nothing was changed.'
}
