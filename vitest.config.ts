import { defineConfig } from 'vitest/config'

/** One project per kind of test; only `unit` and `repo` run without the local stack, which the others share. */
const project = (
  name: string,
  include: string[],
  options: { timeoutMs: number; parallel: boolean; isolate?: boolean; stack?: boolean },
) => ({
  test: {
    name,
    include,
    testTimeout: options.timeoutMs,
    hookTimeout: options.timeoutMs,
    fileParallelism: options.parallel,
    // Pure functions and hand-written fakes share nothing: one process for many files is three times as fast.
    isolate: options.isolate ?? true,
    ...(options.stack ? { globalSetup: ['test/support/global-stack.ts'] } : {}),
  },
})

export default defineConfig({
  test: {
    projects: [
      project('unit', ['test/unit/**/*.test.ts'], { timeoutMs: 10_000, parallel: true, isolate: false }),
      project('repo', ['test/repo/**/*.test.ts'], { timeoutMs: 30_000, parallel: true, isolate: false }),
      project('contract', ['test/contract/**/*.test.ts'], { timeoutMs: 60_000, parallel: false, stack: true }),
      project('integration', ['test/integration/**/*.test.ts'], { timeoutMs: 120_000, parallel: false, stack: true }),
      project('e2e', ['test/e2e/**/*.test.ts'], { timeoutMs: 180_000, parallel: false, stack: true }),
      // Servers and processes broken on purpose; not part of `npm test`: `npm run test:faults`.
      project('faults', ['test/faults/**/*.test.ts'], { timeoutMs: 300_000, parallel: false, stack: true }),
      // Minutes each, so not part of `npm test`: `npm run test:long`.
      project('long', ['test/long/**/*.test.ts'], { timeoutMs: 1_800_000, parallel: false, stack: true }),
    ],
  },
})
