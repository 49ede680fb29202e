import { globSync } from 'node:fs'
import { relative } from 'node:path'
import type { Reporter, TestModule } from 'vitest/node'

/** What runs apart from `npm run test:all`, and what each is. */
const apart = [
  { folder: 'test/faults', command: 'npm run test:faults', what: 'scenarios that break servers and processes' },
  { folder: 'test/long', command: 'npm run test:long', what: 'long runs' },
  { folder: 'test/registry', command: 'npm run test:registry', what: 'on a real schema registry' },
  { folder: 'test/prometheus', command: 'npm run test:prometheus', what: 'with a real Prometheus' },
  { folder: 'test/browser', command: 'npm run test:browser', what: 'in a real browser' },
] as const

/** The last lines of `npm test` and `npm run test:all`: what was run, what was not, and the command for the rest. */
export class RunSummary implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const files = new Map<string, number>()
    for (const module of modules) {
      const path = relative(process.cwd(), module.moduleId)
      files.set(path, [...module.children.allTests()].filter((test) => ['passed', 'failed'].includes(test.result().state)).length)
    }
    for (const line of summaryOf(files, globSync('test/*/**/*.test.ts'))) process.stdout.write(`${line}\n`)
  }
}

/**
 * @param ran the files of this run with the number of tests that ran in each
 * @param all every test file of the repository
 */
export function summaryOf(ran: ReadonlyMap<string, number>, all: readonly string[]): readonly string[] {
  const kinds = new Map<string, { files: number; tests: number }>()
  for (const [path, tests] of ran) {
    const kind = path.split('/')[1] ?? path
    const sum = kinds.get(kind) ?? { files: 0, tests: 0 }
    kinds.set(kind, { files: sum.files + 1, tests: sum.tests + tests })
  }
  const run = [...kinds].map(([kind, { files, tests }]) => `${kind} ${tests} tests in ${count(files, 'file')}`)
  const left = all.filter((path) => !ran.has(path))
  const beside = apart.map(({ folder, ...rest }) => ({ ...rest, files: left.filter((path) => path.startsWith(`${folder}/`)).length }))
  const rest = { command: 'npm run test:all', what: 'files', files: left.length - beside.reduce((sum, { files }) => sum + files, 0) }
  return [
    `Run:      ${run.join(', ') || 'nothing'}`,
    ...[rest, ...beside].filter(({ files }) => files > 0).map(({ command, what, files }) => `Not run:  ${files} ${what}: ${command}`),
    'Not run:  broken copies of the program, and random faults: npm run test:mutants, npm run chaos',
    '',
  ]
}

function count(number: number, thing: string): string {
  return `${number} ${thing}${number === 1 ? '' : 's'}`
}
