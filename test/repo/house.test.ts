import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import packageJson from '../../package.json' with { type: 'json' }
import lock from '../../package-lock.json' with { type: 'json' }
import { files, filesUnder } from './source-files.ts'

/** Names of the files whose text matches. */
const matching = (sources: ReturnType<typeof filesUnder>, pattern: RegExp) =>
  sources.filter(({ text }) => pattern.test(text)).map(({ path }) => path)

const program = filesUnder(['src', 'cmd', 'config'], '.ts')
const tests = filesUnder(['test'], '.ts')
const servers = filesUnder(['stack', 'bench'], '.ts')

const lines = ({ text }: { text: string }) => text.split('\n').length - 1

describe('files of the program, of its tests and of its servers', () => {
  it('are no longer than 400 lines', () => {
    const long = [...program, ...tests, ...servers].filter((file) => lines(file) > 400)
    expect(long.map((file) => `${file.path}: ${lines(file)} lines`)).toEqual([])
  })
})

describe('files of the program', () => {
  it('have no default export, which would let every reader call the thing by another name', () => {
    expect(matching([...program, ...tests, ...servers], /^export default\b|^export \{[^}]*\bas default\b/m)).toEqual([])
  })

  it('swallow no error without a word', () => {
    const silent = [...program, ...tests, ...servers].flatMap(({ path, text }) => {
      const before = [...text.matchAll(emptyCatch)].map(({ index }) => text.slice(0, index).split('\n'))
      return before.filter((lines) => !/^\s*(?:\/\/|\*\/)/.test(lines.at(-2) ?? '')).map((lines) => `${path}:${lines.length}`)
    })
    expect(silent).toEqual([])
  })

  it('take durations and deadlines from the monotonic clock', () => {
    // Where a library's own `Date.now()` is compared with, and where it becomes monotonic.
    const librarys = ['src/infra/kafka/patches/request-queue.ts', 'src/std/clock.ts']
    expect(
      matching(program, /^(?!\s*(?:\/\/|\*)).*\bDate\.now\b/m)
        .filter((path) => !path.startsWith('cmd/demo/'))
        .toSorted(),
    ).toEqual(librarys)
    // The time of day, compared with times that others wrote: of records, and of rows, where a bound holds whatever comes of it.
    const calendars = [
      'cmd/workerctl/dlq-context.ts',
      'cmd/workerctl/events-search.ts',
      'cmd/workerctl/offsets-reset.ts',
      'cmd/workerctl/reconcile.ts',
      'src/daemon/compose/rehearse-range.ts',
      'src/daemon/compose/groups.ts',
      'src/delivery/email/email-channel.ts',
      'src/delivery/send.ts',
      'src/infra/kafka/client/msk-token.ts',
      // Of spans, which collectors compare.
      'src/std/tracer.ts',
      // A monotonic age, dated for people.
      'src/daemon/dependencies.ts',
      'src/supervisor/process-reports.ts',
    ].toSorted()
    expect(matching(program, wallArithmetic).toSorted()).toEqual(calendars)
  })

  it('are named in kebab-case', () => {
    const named = files.filter((path) => /^(src|cmd|config|stack|bench|test)\/.*\.ts$/.test(path))
    expect(named.filter((path) => !path.split('/').every((part) => /^[a-z0-9]+(?:[-.][a-z0-9]+)*$/.test(part)))).toEqual([])
  })

  it('lie in no drawer', () => {
    const drawers = /(?:^|\/)(?:utils?|helpers?|common|managers?|services?|misc|lib)(?:\/|\.ts$)/
    expect(files.filter((path) => /^(src|cmd|config|stack|bench|test)\//.test(path) && drawers.test(path))).toEqual([])
  })
})

describe('tests', () => {
  it('run, all of them', () => {
    expect(matching(tests, /\b(?:it|test|describe)(?:\.\w+)*\.(?:skip|only|todo)\b|\b(?:xit|xdescribe|fit|fdescribe)\(/)).toEqual([])
  })

  it('say which intents they mean: beside those of a scenario there may be a recalculation that the sweep requested', () => {
    const scenarios = filesUnder(['test/e2e', 'test/faults'], '.test.ts')
    // This one looks for secrets in everything.
    expect(matching(scenarios, everyIntent)).toEqual(['test/e2e/no-address-or-secret-in-any-output.test.ts'])
  })

  it('are where a project of vitest finds them', () => {
    const projects = /^test\/(?:unit|repo|contract|integration|e2e|faults|long|registry|prometheus|browser)\//
    expect(files.filter((path) => path.endsWith('.test.ts') && !projects.test(path))).toEqual([])
  })
})

describe('packages', () => {
  const wanted = Object.entries({ ...packageJson.dependencies, ...packageJson.devDependencies })

  it('are exact', () => {
    expect(wanted.filter(([, version]) => !/^\d+\.\d+\.\d+(?:-[\w.]+)?$/.test(version))).toEqual([])
  })

  it('include the Node that .node-version names', () => {
    expect(readFileSync('.node-version', 'utf8').trim()).toBe(packageJson.devDependencies.node)
  })

  it('are locked as wanted, without saying from which registry', () => {
    const locked = lock.packages['']
    expect({ ...locked.dependencies, ...locked.devDependencies }).toEqual(Object.fromEntries(wanted))
    const text = readFileSync('package-lock.json', 'utf8')
    expect([...text.matchAll(/"resolved": "([^"]+)"/g)].map(([, url]) => url)).toEqual([])
    expect(text).not.toMatch(/https?:\/\/[^"\s]*(?:registry|npm)[^"\s]*\.tgz/)
  })
})

/** A statement that reads or changes whatever intents there are. */
const everyIntent = /(?<!DELETE )FROM worker\.intents\s*(?:(?:GROUP|ORDER|LIMIT)\b|['`"])|\bUPDATE worker\.intents SET (?!.*\bWHERE\b)/

/** The time of day in a sum, a difference or a comparison. */
const wallArithmetic = /[cC]lock\.now\(\)\s*(?:[-+<]|>[^)])|(?:[-+<]|[^=]>)=?\s*[\w.]*[cC]lock\.now\(\)/

/** Braces behind a catch with nothing in them; a comment in them, or on the line above, says why. */
const emptyCatch = /\bcatch\s*(?:\([^)]*\)\s*)?\{\s*\}|\.catch\(\s*\(?\w*\)?\s*=>\s*\{\s*\}\s*\)/g
