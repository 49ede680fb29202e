import type { Mutant } from './mutant.ts'

/** Mutants of the package's publisher. */
export const publisherMutants: readonly Mutant[] = [
  {
    name: 'publisher is not idempotent',
    because: 'An event whose acknowledgement was lost is in the log twice, behind events that were published after it.',
    edits: [{ file: 'src/publisher/connect-publisher.ts', text: 'idempotent: true', becomes: 'idempotent: false' }],
    scenario: {
      project: 'faults',
      file: 'test/faults/kafka/publisher-keeps-order-over-cut-connections.test.ts',
      test: 'a publisher sends each event once and in order, whichever of its connections are cut',
    },
    fails: 'assertion',
  },
  {
    name: 'sequence numbers of a request that was given up are used again',
    because: 'The broker acknowledges another event as a duplicate, and it is lost.',
    edits: [
      {
        file: 'src/publisher/topic-queue.ts',
        text: 'if (wanted.length < left.length && attempt > 1) await this.disconnect()',
        becomes: '',
      },
    ],
    scenario: {
      project: 'faults',
      file: 'test/faults/kafka/publisher-without-kafka-rejects-within-its-time.test.ts',
      test: 'an event is not taken for the one before it, which was written and given up',
    },
    fails: 'assertion',
  },
]
