import { availableParallelism } from 'node:os'
import { configDefaults, defineConfig } from 'vitest/config'
import { leftOut } from './test/left-out.ts'
import { RunSummary } from './test/support/run-summary.ts'

/**
 * `--mode short` is `npm test`, `--mode all` is `npm run test:all`. Without a mode every project and file can be run by name.
 */
const isShort = (mode: string) => mode === 'short'
const isWhole = (mode: string) => mode === 'short' || mode === 'all'

/**
 * Long runs that measure nothing: one waits for its ten minutes, the other fills one core. Beside each other they end in the time of one.
 */
const unmeasured = [
  'test/long/four-daemons-join-and-leave-under-traffic.test.ts',
  'test/long/ranks-match-the-reference-model-over-100000-recalculations.test.ts',
]

interface Options {
  /** The files; default: all of the folder. */
  readonly only?: readonly string[]
  /** Ends a test that hangs. On a machine of its own the slowest needs a third of it: two cores that are busy with others must not make one red. */
  readonly timeoutMs: number
  /** Pure functions and hand-written fakes share nothing: one process for many files is three times as fast, and one for each core. */
  readonly isolate?: false
  /** On the Kafka and the PostgreSQL that all projects of a run share. */
  readonly stack?: 'side by side' | 'one after the other'
}

/** How many files of a project run at a time. */
function workers(stack: Options['stack'], isolate: boolean) {
  // Each file has its own topics, groups and database and spends much of its time waiting; two at a time fill two cores.
  if (stack === 'side by side') return { maxWorkers: 2, sequence: { groupOrder: 1 } }
  return isolate ? { fileParallelism: false } : { maxWorkers: availableParallelism() }
}

/** One project per kind of test; `unit`, `repo` and `browser` run without the local stack. */
const project = (name: string, folder: string, exclude: readonly string[], { timeoutMs, isolate, stack, only }: Options) => ({
  test: {
    name,
    include: [...(only ?? [`${folder}/**/*.test.ts`])],
    exclude: [...configDefaults.exclude, ...exclude],
    testTimeout: timeoutMs,
    hookTimeout: timeoutMs,
    // Of `expect.poll`, which would else give up after a second.
    expect: { poll: { timeout: timeoutMs / 2 } },
    isolate: isolate ?? true,
    // Thunderbird's parser imports its own files without their extension, which Node itself refuses.
    server: { deps: { inline: ['@protontech/jsmimeparser'] } },
    ...(stack === undefined ? {} : { globalSetup: ['test/support/global-stack.ts'] }),
    ...workers(stack, isolate ?? true),
  },
})

export default defineConfig(({ mode }) => {
  const rest = isShort(mode) ? Object.keys(leftOut) : []
  const tests = [
    project('unit', 'test/unit', rest, { timeoutMs: 60_000, isolate: false }),
    project('repo', 'test/repo', rest, { timeoutMs: 120_000, isolate: false }),
    project('contract', 'test/contract', rest, { timeoutMs: 240_000, stack: 'side by side' }),
    project('integration', 'test/integration', rest, { timeoutMs: 360_000, stack: 'side by side' }),
    project('e2e', 'test/e2e', rest, { timeoutMs: 540_000, stack: 'side by side' }),
  ]
  const apart = [
    // Servers and processes broken on purpose: `npm run test:faults`.
    project('faults', 'test/faults', [], { timeoutMs: 900_000, stack: 'one after the other' }),
    // Minutes each: `npm run test:long`.
    project('long', 'test/long', unmeasured, { timeoutMs: 3_600_000, stack: 'one after the other' }),
    project('long-unmeasured', 'test/long', [], { timeoutMs: 3_600_000, stack: 'side by side', only: unmeasured }),
    // On a real schema registry, which needs a newer Java than Kafka: `npm run test:registry`.
    project('registry', 'test/registry', [], { timeoutMs: 180_000, stack: 'one after the other' }),
    // With Debian's Prometheus: `npm run test:prometheus`.
    project('prometheus', 'test/prometheus', [], { timeoutMs: 360_000, stack: 'one after the other' }),
    // In the Chromium of the machine, which not every one has: `npm run test:browser`.
    project('browser', 'test/browser', [], { timeoutMs: 180_000 }),
  ]
  return {
    test: isWhole(mode) ? { projects: tests, reporters: ['default', new RunSummary()] } : { projects: [...tests, ...apart] },
  }
})
