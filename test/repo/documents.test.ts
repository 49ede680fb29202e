import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { renderFirstVariables } from '../../config/render-docs.ts'
import { exitCode } from '../../src/daemon/exit-code.ts'
import { lagWords } from '../../src/admin/lag/lag-verdict.ts'
import { lagCauses } from '../../src/admin/lag/lag-cause.ts'
import { findingKinds, rankedFindings } from '../../src/admin/status/finding.ts'
import { intentReasons } from '../../src/admin/intents/intent-reasons.ts'
import { createMetrics } from '../../src/infra/telemetry/metrics.ts'
import { deadLetterReasons } from '../../src/model/dead-letter-reason.ts'
import { outboxReasons } from '../../src/model/outbox-reason.ts'
import { files, filesUnder, firstCells, markedPart, tableRows } from './source-files.ts'

const guarantees = 'docs/reference/guarantees.md'

/** The program's text, and what it composes in it. */
const source = filesUnder(['src'], '.ts')
  .map(({ text }) => text)
  .join('\n')
// Such as `${name} is ${state}`; one that is nothing but values would match anything.
const composed = [...source.matchAll(/`([^`\n]*\$\{[^`\n]*)`/g)]
  .map(([, text = '']) => text.split(/\$\{[^}]*\}/))
  .filter((parts) => parts.join('').trim().length > 1)
  .map((parts) => new RegExp(`^${parts.map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)).join('[\\w-]+')}$`))
const isInProgram = (text: string): boolean => source.includes(text) || composed.some((pattern) => pattern.test(text))

describe('README.md', () => {
  it('holds the table of the first variables as config/render-docs.ts renders it', () => {
    expect(markedPart('README.md', 'variables')).toBe(renderFirstVariables())
  })

  it('has about 200 lines', () => {
    expect(readFileSync('README.md', 'utf8').split('\n').length).toBeLessThanOrEqual(240)
  })

  it('names ten guarantees, each with a link into the full list', () => {
    const text = readFileSync('README.md', 'utf8')
    const part = text.slice(text.indexOf('\n## Guarantees\n'), text.indexOf('\n## Run it\n'))
    const rows = tableRows(part)
    expect(rows).toHaveLength(10)
    expect(rows.filter((row) => !row.join(' ').includes(`](${guarantees}#`))).toEqual([])
  })
})

describe('ARCHITECTURE.md', () => {
  const text = readFileSync('ARCHITECTURE.md', 'utf8')

  it('begins each invariant with one sentence that holds by itself', () => {
    const part = text.slice(text.indexOf('\n## Invariants\n'), text.indexOf('\n## Tables\n'))
    const invariants = part.split('\n').filter((line) => line.startsWith('- '))
    expect(invariants.length).toBeGreaterThan(50)
    expect(invariants.filter((line) => !/^- \*\*[A-Z`][^*]*\.\*\*(?: |$)/.test(line))).toEqual([])
  })

  it('draws the life of an event before it explains it', () => {
    expect(text.indexOf('```mermaid')).toBeGreaterThan(text.indexOf('## The life of an event'))
    expect(text.indexOf('```mermaid')).toBeLessThan(text.indexOf('## File map'))
  })
})

describe('docs/guide/dead-letters.md', () => {
  it('explains exactly the dead-letter reasons that exist: what each means and what to do', () => {
    const table = markedPart('docs/guide/dead-letters.md', 'dead-letters')
    expect(new Set(firstCells(table))).toEqual(new Set(deadLetterReasons))
    expect(tableRows(table).filter((cells) => cells.length < 3 || cells.includes(''))).toEqual([])
  })
})

describe('docs/guide/publishing.md', () => {
  it('explains exactly the reasons why an event of the outbox fails: what each means and what to do', () => {
    const table = markedPart('docs/guide/publishing.md', 'outbox-reasons')
    expect(new Set(firstCells(table))).toEqual(new Set<string>(outboxReasons))
    expect(tableRows(table).filter((cells) => cells.length < 3 || cells.includes(''))).toEqual([])
  })
})

describe('docs/reference/guarantees.md', () => {
  const part = markedPart(guarantees, 'guarantees')

  it('proves every guarantee by a test that exists', () => {
    const rows = tableRows(part)
    expect(rows.length).toBeGreaterThan(80)
    const unproven = rows.filter((row) => {
      const tests = linksOf(row.join(' ')).filter((link) => link.endsWith('.test.ts'))
      return tests.length === 0 || !tests.every((test) => files.includes(join('docs/reference', test)))
    })
    expect(unproven.map(([guarantee]) => guarantee)).toEqual([])
  })

  it('calls every test by the name of its file', () => {
    const links = [...part.matchAll(/\[([^\]]+)\]\(\S+?([^/\s]+)\.test\.ts\)/g)]
    expect(links.length).toBeGreaterThan(80)
    expect(links.filter(([, label, name]) => label !== name).map(([link]) => link)).toEqual([])
  })

  it('has nine headed groups', () => {
    expect([...part.matchAll(/^## /gm)]).toHaveLength(9)
  })

  it('names every end-to-end test', () => {
    expect(
      filesUnder(['test/e2e'], '.test.ts')
        .map(({ path }) => path)
        .filter((path) => !part.includes(`(../../${path})`)),
    ).toEqual([])
  })
})

describe('docs/reference/states.md', () => {
  const text = readFileSync('docs/reference/states.md', 'utf8')
  const source = readFileSync('src/model/intent.ts', 'utf8')
  const states = [...(/export type IntentState =([^\n]*\n?[^\n]*)/.exec(source)?.[1] ?? '').matchAll(/'(\w+)'/g)].map(
    ([, state = '']) => state,
  )

  it('explains every state of an intent, and draws it', () => {
    expect(states.length).toBeGreaterThan(9)
    const part = text.slice(text.indexOf('| state | meaning'), text.indexOf('## Reasons'))
    expect(new Set(firstCells(part))).toEqual(new Set(states))
    const drawn = [...text.matchAll(/^ {2}(\w+|\[\*\]) --> (\w+|\[\*\])/gm)].flatMap(([, from = '', to = '']) => [from, to])
    expect(new Set(drawn.filter((state) => state !== '[*]'))).toEqual(new Set(states))
  })
})

describe('the reasons of docs/reference/states.md', () => {
  it('are those of the program', () => {
    const text = readFileSync('docs/reference/states.md', 'utf8')
    const reasons = [...text.slice(text.indexOf('## Reasons')).matchAll(/`([a-z]+(?:-[a-z]+)+)`/g)].map(([, reason = '']) => reason)
    expect(new Set(reasons).size).toBeGreaterThan(60)
    expect(reasons.filter((reason) => !isInProgram(reason))).toEqual([])
  })

  it('are those by which workerctl selects intents', () => {
    const text = readFileSync('docs/reference/states.md', 'utf8')
    const part = text.slice(text.indexOf('## Reasons'))
    const tables = part.split('\n\n').filter((table) => /^\|.*\breason \|/.test(table))
    const explained = tables.flatMap((table) => {
      const column = (table.split('\n')[0] ?? '').split('|').findIndex((name) => name.trim() === 'reason')
      return tableRows(table).flatMap((cells) =>
        [...(cells[column - 1] ?? '').matchAll(/`([a-z0-9-]+)`/g)].map(([, reason = '']) => reason),
      )
    })
    expect(new Set(explained).size).toBeGreaterThan(80)
    expect(explained.filter((reason) => !intentReasons.includes(reason))).toEqual([])
    expect(intentReasons.filter((reason) => !part.includes(`\`${reason}\``))).toEqual([])
  })
})

describe('docs/guide/runbook.md', () => {
  it('says for every alert and situation symptom, meaning and action', () => {
    const entries = readFileSync('docs/guide/runbook.md', 'utf8').split(/^### /m).slice(1)
    expect(entries.length).toBeGreaterThan(30)
    expect(entries.filter((entry) => !/\*Symptom:\*[\s\S]*\*Meaning(?: and action)?:\*/.test(entry) || !/action:\*/i.test(entry))).toEqual(
      [],
    )
  })
})

describe('docs/reference/glossary.md', () => {
  it('has twelve lines, of which the first is the intent', () => {
    const rows = tableRows(readFileSync('docs/reference/glossary.md', 'utf8'))
    expect(rows).toHaveLength(12)
    expect(rows[0]).toEqual(['intent', 'a row of the outbox; a job'])
  })
})

describe('log lines', () => {
  it('that the documents name are those of the program', () => {
    const named = files
      .filter((path) => path === 'README.md' || /^docs\/.*\.md$/.test(path))
      .flatMap((path) =>
        [...readFileSync(path, 'utf8').matchAll(/\blog(?: lines?)? `([^`\n]+)`/gi)].map(([, line = '']) => ({ path, line })),
      )
    expect(named.length).toBeGreaterThan(10)
    expect(named.filter(({ line }) => !isInProgram(line))).toEqual([])
  })
})

describe('metrics', () => {
  it('are explained, each and no other, with the words of the program', async () => {
    const metrics = createMetrics({ version: 'test' })
    try {
      const table = markedPart('docs/reference/metrics.md', 'metrics')
      const described = await metrics.describe()
      expect(Object.fromEntries(tableRows(table).map(([name = '', ...rest]) => [name, rest]))).toEqual(
        Object.fromEntries(described.map(({ name, type, help }) => [`\`${name}\``, [type, help]])),
      )
      expect(tableRows(table)).toHaveLength(described.length)
    } finally {
      metrics.close()
    }
  })
})

describe('docs/reference/health.md', () => {
  it('explains every reason of /livez and /readyz, and no other', () => {
    const source = ['src/daemon/health.ts', 'src/supervisor/process-reports.ts'].map((path) => readFileSync(path, 'utf8')).join('\n')
    const reasons = [...source.matchAll(/\bfailing\('([a-z-]+)'/g)].map(([, reason]) => reason)
    expect(reasons.length).toBeGreaterThan(8)
    expect(new Set(firstCells(markedPart('docs/reference/health.md', 'health')))).toEqual(new Set(reasons))
  })

  it('explains every exit code', () => {
    const codes = firstCells(markedPart('docs/reference/health.md', 'exit-codes')).map(Number)
    expect(new Set(codes)).toEqual(new Set<number>(Object.values(exitCode)))
  })

  it('explains every cause of lag, and no other', () => {
    expect(firstCells(markedPart('docs/reference/health.md', 'lag-causes'))).toEqual([...lagCauses])
  })

  it('explains every verdict on a lag, and no other', () => {
    expect(new Set(firstCells(markedPart('docs/reference/health.md', 'lag-verdicts')))).toEqual(new Set<string>(lagWords))
  })
})

describe('docs/guide/workerctl.md', () => {
  it('explains every kind of problem that status finds, in the order of badness', () => {
    expect(firstCells(markedPart('docs/guide/workerctl.md', 'findings'))).toEqual([...findingKinds])
  })

  it('says of which kinds status takes which severity', () => {
    const [, lastBad, firstWarning] =
      /`bad` down to `([a-z-]+)`, and `warning` from `([a-z-]+)` on/.exec(readFileSync('docs/guide/workerctl.md', 'utf8')) ?? []
    const bad = findingKinds.slice(
      0,
      findingKinds.findIndex((kind) => kind === firstWarning),
    )
    expect(bad.at(-1)).toBe(lastBad)
    const found = rankedFindings(findingKinds.map((kind) => ({ kind, sentence: '', command: '' })))
    expect(found.filter(({ severity }) => severity === 'bad').map(({ kind }) => kind)).toEqual(bad)
  })
})

describe('docs/guide/runbook.md', () => {
  it('has an entry with symptom, meaning and action for every kind of problem that status finds', () => {
    const part = markedPart('docs/guide/runbook.md', 'status-findings')
    expect(firstCells(part)).toEqual([...findingKinds])
    const entries = readFileSync('docs/guide/runbook.md', 'utf8').split(/^### /m)
    const withoutEntry = tableRows(part).filter((row) => {
      const title = /\[([^\]]+)\]\(#/.exec(row.join(' '))?.[1]
      const entry = entries.find((text) => text.startsWith(`${title}\n`))
      return !['- *Symptom:*', '- *Meaning:*', '- *Action:*'].every((word) => entry?.includes(word))
    })
    expect(withoutEntry.map(([kind]) => kind)).toEqual([])
  })
})

describe('docs/internals/kafka-client.md', () => {
  it('names for every patch the code, and a test that exists', () => {
    const rows = tableRows(markedPart('docs/internals/kafka-client.md', 'kafka-patches'))
    expect(rows.length).toBeGreaterThan(15)
    const unproven = rows.filter((row) => {
      const [code = '', ...others] = linksOf(row.join(' ')).map((link) => join('docs/internals', link))
      const test = others.find((link) => link.endsWith('.test.ts')) ?? ''
      const name = /"([^"]+)"/.exec(row.at(-1) ?? '')?.[1]
      return !code.startsWith('src/') || !files.includes(test) || name === undefined || !readFileSync(test, 'utf8').includes(`'${name}'`)
    })
    expect(unproven.map(([patch]) => patch)).toEqual([])
  })
})

describe('links', () => {
  const papers = files.filter((path) => path.endsWith('.md')).map((path) => ({ path, text: readFileSync(path, 'utf8') }))

  it.each(papers)('of $path lead to files of this repository', ({ path, text }) => {
    const lost = linksOf(text).filter((link) => {
      const [file = '', anchor] = link.split('#')
      // GitHub's page and badge of a workflow, outside the tree of files.
      const workflow = /^\.\.\/\.\.\/actions\/workflows\/([\w-]+\.yml)(?:\/badge\.svg)?$/.exec(file)?.[1]
      if (workflow !== undefined) return !files.includes(`.github/workflows/${workflow}`)
      const target = file === '' ? path : join(dirname(path), file)
      if (!files.some((known) => known === target || known.startsWith(`${target.replace(/\/$/, '')}/`))) return true
      return anchor !== undefined && target.endsWith('.md') && !anchorsOf(readFileSync(target, 'utf8')).includes(anchor)
    })
    expect(lost).toEqual([])
  })

  it('are found at all, outside code only', () => {
    expect(linksOf('[a](b.md) `[c](d.md)` [e](https://example.com) ![f](g.png "title")\n```\n[h](i.md)\n```')).toEqual(['b.md', 'g.png'])
    expect(anchorsOf('# One: two `three`\n## One-two')).toEqual(['one-two-three', 'one-two'])
    expect(filesUnder(['src'], '.ts').length).toBeGreaterThan(100)
  })
})

/** Targets of the links and images in Markdown that are no addresses of the web. */
function linksOf(markdown: string): readonly string[] {
  const prose = markdown.replaceAll(/^```[\s\S]*?^```/gm, '').replaceAll(/`[^`\n]*`/g, (code) => code.replaceAll(/[[\]()]/g, ''))
  return [...prose.matchAll(/\]\(([^)\s]+)(?:\s+"[^"]*")?\)/g)].flatMap(([, to]) => (to === undefined || /^[a-z]+:/.test(to) ? [] : [to]))
}

/** The anchors that a Markdown reader makes of the headings. */
function anchorsOf(markdown: string): readonly string[] {
  return [...markdown.matchAll(/^#+\s+(.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replaceAll(/\s/g, '-'),
  )
}
