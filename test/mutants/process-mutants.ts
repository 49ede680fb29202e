import type { Mutant } from './mutant.ts'

const several = 'test/e2e/several-processes-work-as-one-daemon.test.ts'

/** Mutants of several processes under one supervisor. */
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
]
