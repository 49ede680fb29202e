import type { Command } from 'commander'
import { compareTopics } from '../../src/admin/topics/apply-topics.ts'
import { topicFindings } from '../../src/admin/topics/topic-findings.ts'
import { configure, withKafka } from './connections.ts'
import { renderJson } from './render-json.ts'
import type { Terminal } from './terminal.ts'
import { differenceFound, wantedTopics } from './topics-wanted.ts'

const HELP = `
Reports how the topics differ from what the catalogue and the configuration want, and what about them is dangerous, each with the way
out. Changes nothing. Needs the right DescribeConfigs on the topics and on the cluster.

  missing                         the topic does not exist
  partitions                      more or fewer than KAFKA_TOPIC_PARTITIONS; a dead-letter topic with fewer than its topic
  retention                       records are kept for less, or for longer, than the class of the events asks
  size-limit                      records are deleted by the size of a partition, however young
  compaction                      only the last record of each key is kept
  replicas                        more or fewer than KAFKA_TOPIC_REPLICAS
  fewer-replicas-than-min-insync  a publisher that waits for all in-sync replicas never gets an acknowledgement
  below-min-insync                the same, until a broker is back
  unclean-leader-election         a replica that lacks acknowledged records may become leader
  automatic-creation              a broker creates a topic for a misspelt name

Exit code 0 if nothing is found, 2 if something is; 1 if the topics could not be read.

Examples:
  npm run workerctl -- topics verify
  npm run -s workerctl -- topics verify --json`

export function addTopicsVerify(parent: Command, terminal: Terminal): void {
  parent
    .command('verify')
    .description('report drift and dangerous settings of the topics and brokers; changes nothing')
    .option('--json', 'print one JSON object')
    .addHelpText('after', HELP)
    .action(async ({ json }: { readonly json?: boolean }) => {
      const { config, groups } = configure(terminal)
      const { steps, findings } = await withKafka(config, async (admin) => {
        const compared = await compareTopics(admin, wantedTopics(config, groups))
        return { steps: compared.steps, findings: topicFindings(compared, await admin.topicCreatingBrokers()) }
      })
      if (json === true) terminal.out(renderJson({ topics: steps.map(({ name }) => name), findings }))
      else {
        for (const { sentence } of findings) terminal.out(sentence)
        terminal.out(findings.length === 0 ? `${steps.length} topics verified: nothing found.` : `${findings.length} found.`)
      }
      if (findings.length > 0) throw differenceFound()
    })
}
