import { basename, dirname } from 'node:path'
import { filesUnder, markedPart } from './source-files.ts'
import type { SourceFile } from './source-files.ts'

/** A scenario under test/faults, as its file describes itself. */
export interface Scenario {
  readonly path: string
  /** The folder it is in. */
  readonly area: string
  /** What its tests are called. */
  readonly sentences: readonly string[]
  /** From its doc comment, `Fault: ... Promise: ...`; empty when that is missing. */
  readonly fault: string
  readonly promise: string
}

export const scenarios: readonly Scenario[] = filesUnder(['test/faults'], '.test.ts').map(scenarioOf)

const areas: Readonly<Record<string, string>> = {
  process: 'Processes',
  kafka: 'Kafka',
  postgres: 'PostgreSQL',
  smtp: 'The relay',
  webhook: 'Endpoints',
  poison: 'Bad records',
  bounds: 'Bounds',
}

/** docs/reference/faults.md: one table per area, rendered from the scenarios; the chaos figures are written by hand and kept. */
export function renderFaults(): string {
  const rooms = [...new Set([...Object.keys(areas), ...scenarios.map(({ area }) => area).toSorted()])]
  const tables = rooms.flatMap((room) => {
    const rows = scenarios.filter(({ area }) => area === room)
    return rows.length === 0 ? [] : [`## ${areas[room] ?? room}`, table(rows)]
  })
  return `${[head, ...tables, '## Chaos', `<!-- chaos -->\n${chaosFigures()}\n<!-- /chaos -->`].join('\n\n')}\n`
}

const head = `<!-- Rendered from the scenarios by \`npx vitest run --project repo test/repo/faults-paper.test.ts -u\`; only the chaos figures are written by hand. -->

# Faults: what is broken, and what is promised

Every scenario runs the daemon as a process of its own against real Kafka, PostgreSQL, SMTP and HTTP servers, and breaks something. Scenarios on a [fault fixture](../../test/support/faults/fault-fixture.ts) run under the traffic of a simulated waitlist platform and record a history: what was published and acknowledged, what arrived and when, every commit in \`__consumer_offsets\`, and the rows. [The checker](../../test/invariants), a program that shares no code with the worker, judges the history. Scenarios of the Kafka client alone and of bad records check rows, offsets and sinks themselves. \`npm run test:faults\` runs them all.`

function table(rows: readonly Scenario[]): string {
  const lines = rows.map(({ path, sentences: [first = basename(path), ...more], fault, promise }) => {
    const sentence = [`[${cell(first)}](../../${path})`, ...more.map(cell)].join('; ')
    return `| ${sentence} | ${cell(sentenceOf(fault))} | ${cell(sentenceOf(promise))} |`
  })
  return ['| scenario | what is broken | what is promised |', '|---|---|---|', ...lines].join('\n')
}

function chaosFigures(): string {
  try {
    return markedPart('docs/reference/faults.md', 'chaos')
  } catch {
    return 'None yet.'
  }
}

function scenarioOf({ path, text }: SourceFile): Scenario {
  const comment = /\/\*\*((?:(?!\*\/)[\s\S])*?\bFault:[\s\S]*?)\*\//.exec(text)?.[1]?.replaceAll(/\s*\n\s*\*\s?/g, ' ') ?? ''
  const [, fault = '', promise = ''] = /\bFault:\s*(.*?)\s*\bPromise:\s*(.*)/.exec(comment) ?? []
  const sentences = [...text.matchAll(/^\s*(?:test|it)(?:\.each\([\s\S]*?\))?\(\s*(['"`])(.*?)\1/gm)].map(([, , name = '']) =>
    // The part of a title in brackets, or after a colon at its end, that differs between the rows of a table of tests.
    name.replace(/ \((?:%s|\$[\w.]+)\)|: (?:%s|\$[\w.]+)$/, ''),
  )
  return { path, area: basename(dirname(path)), sentences, fault: fault.trim(), promise: promise.trim() }
}

function sentenceOf(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

/** In a cell of a Markdown table. */
function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;')
}
