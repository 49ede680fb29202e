import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { files } from './source-files.ts'

const scripts: Readonly<Record<string, string>> = JSON.parse(readFileSync('package.json', 'utf8')).scripts
const ci = readFileSync('.ci/run', 'utf8')
const nightly: { jobs: { faults: { strategy: { matrix: { run: readonly string[] } } } } } = parse(
  readFileSync('.github/workflows/nightly.yml', 'utf8'),
)
/** The projects that a part of vitest.config.ts makes. */
const projects = (text: string) => [...text.matchAll(/project\('(\w+)'/g)].map(([, name = '']) => name)
const everyNight = nightly.jobs.faults.strategy.matrix.run

describe('the commands of package.json', () => {
  it.each(['.ci/run', ...files.filter((path) => path.endsWith('.md') && path !== 'CHANGELOG.md')])(
    'are the only ones that %s names',
    (path) => {
      const named = [...readFileSync(path, 'utf8').matchAll(/npm run (?:-s )?([\w:.-]*\w)/g)].map(([, name = '']) => name)
      expect(named.filter((name) => scripts[name] === undefined)).toEqual([])
    },
  )

  it('are all tried by each run on a clean clone, or every night', () => {
    const tests = Object.keys(scripts).filter((name) => /^(?:test:|chaos$|check$)/.test(name) && name !== 'test:unit')
    // `npm test` is a part of `test:all`.
    const tried = `${ci}\n${everyNight.join('\n')}\n`
    expect(tests.filter((name) => !new RegExp(`npm run ${name}(?![\\w:.-])`).test(tried))).toEqual([])
    expect(ci).toMatch(/^npm run test:all$/m)
  })

  it('bring every project of vitest to run', () => {
    const config = readFileSync('vitest.config.ts', 'utf8')
    const [tests = '', apart = ''] = config.split('const apart = ')
    expect(projects(tests)).toEqual(['unit', 'repo', 'contract', 'integration', 'e2e'])
    expect([scripts['test'], scripts['test:all']]).toEqual(['vitest run --mode short', 'vitest run --mode all'])
    const alone = Object.values(scripts).join('\n')
    expect(projects(apart).length).toBeGreaterThan(1)
    expect(projects(apart).filter((name) => !new RegExp(`--project ${name}\\b`).test(alone))).toEqual([])
  })
})
