import type { Command } from 'commander'
import { compareTopics, pendingSteps } from '../../src/admin/topics/apply-topics.ts'
import { configure, withKafka } from './connections.ts'
import { renderJson } from './render-json.ts'
import type { Terminal } from './terminal.ts'
import { addTopicOptions, differenceFound, wantedTopics, type TopicOptions } from './topics-wanted.ts'

const HELP = `
Compares the topics on the brokers with what the catalogue of events (topics, retention) and the configuration (partitions, replicas,
dead-letter topics of the groups) want, and says in sentences what "topics apply" with the same options would change, and what it would leave although other partitions or
replicas are wanted. Changes nothing.

Exit code 0 if nothing would change, 2 if something would; 1 if the comparison failed.

Examples:
  npm run workerctl -- topics plan
  npm run workerctl -- topics plan --partitions 20 --replication-factor 3`

export function addTopicsPlan(parent: Command, terminal: Terminal): void {
  addTopicOptions(parent.command('plan').description('say what would change in the topics; changes nothing'))
    .option('--json', 'print one JSON object')
    .addHelpText('after', HELP)
    .action(async (options: TopicOptions & { readonly json?: boolean }) => {
      const { config, groups } = configure(terminal)
      const compared = await withKafka(config, (admin) => compareTopics(admin, wantedTopics(config, groups, options)))
      const { steps } = compared
      const changes = pendingSteps(compared).length
      if (options.json === true) terminal.out(renderJson({ topics: steps, changes }))
      else {
        for (const sentence of steps.flatMap(({ sentences }) => sentences)) terminal.out(sentence)
        terminal.out(changes === 0 ? 'Nothing to do.' : `${changes} of ${steps.length} topics would change.`)
      }
      if (changes > 0) throw differenceFound()
    })
}
