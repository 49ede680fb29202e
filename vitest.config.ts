import { defineConfig } from 'vitest/config'

/** One project per kind of test; only `unit` and `repo` run without the local stack. */
const project = (name: string, include: string[], options: { timeoutMs: number; parallel: boolean }) => ({
  test: {
    name,
    include,
    testTimeout: options.timeoutMs,
    hookTimeout: options.timeoutMs,
    fileParallelism: options.parallel,
  },
})

export default defineConfig({
  test: {
    projects: [
      project('unit', ['test/unit/**/*.test.ts'], { timeoutMs: 10_000, parallel: true }),
      project('repo', ['test/repo/**/*.test.ts'], { timeoutMs: 30_000, parallel: true }),
      project('contract', ['test/contract/**/*.test.ts'], { timeoutMs: 60_000, parallel: false }),
      project('integration', ['test/integration/**/*.test.ts'], { timeoutMs: 120_000, parallel: false }),
      project('e2e', ['test/e2e/**/*.test.ts'], { timeoutMs: 180_000, parallel: false }),
    ],
  },
})
