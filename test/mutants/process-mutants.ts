import type { Mutant } from './mutant.ts'

const several = 'test/e2e/several-processes-work-as-one-daemon.test.ts'

/** Mutants of several processes under one supervisor, and of the topics that a daemon starts on. */
export const processMutants: readonly Mutant[] = [
  {
    name: 'process outlives its supervisor',
    because: 'A supervisor that is killed leaves processes that nothing stops, restarts or scrapes.',
    edits: [
      {
        file: 'src/supervisor/supervised.ts',
        text: "channel.on('disconnect', () => stop(1, SUPERVISOR_ENDED))",
        becomes: "channel.on('disconnect', () => undefined)",
      },
    ],
    scenario: { project: 'e2e', file: several, test: 'a killed supervisor leaves no process behind: each drains and ends' },
    fails: 'deadline',
  },
  {
    name: 'signal and order count as two stops',
    because: 'A stop that a terminal or a service manager sends to every process cuts off their work.',
    edits: [
      {
        file: 'src/supervisor/supervised.ts',
        text: 'return (signal) => stop(1, signal)',
        becomes: 'return act',
      },
    ],
    scenario: {
      project: 'e2e',
      file: several,
      test: 'shares the partitions and serves one port; a killed process is restarted, and nothing is lost or doubled',
    },
    fails: 'assertion',
  },
  {
    name: 'compacted topic is read',
    because: 'Compaction keeps only the last event of each campaign: a group that was down loses the others without a sign.',
    edits: [
      {
        file: 'src/catalogue/event-topics.ts',
        text: "if (policy.split(',').includes('compact'))",
        becomes: "if (policy.split(',').includes('none'))",
      },
    ],
    scenario: {
      project: 'e2e',
      file: 'test/e2e/start-against-unusable-servers-is-refused.test.ts',
      test: 'a topic that contradicts the catalogue, unless KAFKA_TOPIC_CHECK is warn',
    },
    fails: 'assertion',
  },
  {
    name: 'keys move without permission',
    because:
      'Later events of a campaign overtake earlier ones in another partition, when an operator only meant to create a dead-letter topic.',
    edits: [
      {
        file: 'src/admin/topics/apply-topics.ts',
        text: 'if (!allowPartitionChange) requireNoMove(pending)',
        becomes: 'if (!allowPartitionChange) requireNoMove([])',
      },
    ],
    scenario: {
      project: 'integration',
      file: 'test/integration/workerctl-topics.test.ts',
      test: 'more partitions are planned, refused as a whole without --allow-partition-change, and added with it',
    },
    fails: 'assertion',
  },
]
