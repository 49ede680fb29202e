import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { files, filesUnder } from './source-files.ts'

const papers = files.filter((path) => /^(?:README|ARCHITECTURE|CONTRIBUTING)\.md$|^docs\/.*\.md$/.test(path))

/** What a native engineer would not write: the pattern, and what to write instead. */
const forbidden: readonly (readonly [pattern: RegExp, better: string])[] = [
  [/\bwhoever\b/gi, 'name the person or the program: "the operator", "a consumer that"'],
  [/\b(?:he|him|his|himself)\b/gi, '"they", or name the person'],
  [/\b(?:that|and|which) (?:is|are) none\b|\band none that\b/gi, 'say what it is'],
  [/\bfor good\b/gi, '"permanently", or say what ends it'],
  [/\bfor ever\b/gi, '"forever", or say what ends it'],
  [/\b(?:hears?|heard|believes?|believed)\b/gi, 'programs receive, detect and assume'],
  [/\b(?:tells|told)\b(?! apart)/gi, 'programs are notified, errors are reported'],
  [/\b(?:asks|asked) (?:for|again|once)\b/gi, '"request", "require"'],
  [/\banew\b/gi, '"again", "restarted", "recreated"'],
  [/\bmend(?:s|ed|ing)?\b/gi, '"fix"'],
  [/\bburn(?:s|ed|t|ing)?\b/gi, '"count", "use"'],
]

const beginWithTheSubject = 'begin with the subject, not with a clause in its place'
/** Sentences of documents that begin with a clause; a question may. */
const clauses = [[/(?<=^|[.:;!?] |\| |- |\*\*)(?:Who|What) [^.?!|]*(?:[.!|]|$)/gm, beginWithTheSubject]] as const
/** The same in code. */
const clausesInCode = [[/(?<=^|[.:;!?] )(?:Who|What) [^.?!|]*(?:[.!|]|$)/gm, beginWithTheSubject]] as const

describe('the prose of the documents', () => {
  it.each(papers)('of %s is plain English', (path) => {
    expect(offences(proseOf(readFileSync(path, 'utf8')), clauses)).toEqual([])
  })

  it.each([
    'Whoever comes next waits.',
    'Who is blocked at the top moves everybody behind.',
    'What started before is done.',
    '- What Kafka refuses is reported.',
    'The platform owns his row.',
    'A timeout that is none.',
    'It is gone for good.',
    'A breaker hears of the end.',
    'The operator is told.',
    'The table is written anew.',
    'Mend the publisher.',
  ])('is found wanting in: %s', (sentence) => {
    expect(offences(sentence, clauses)).toHaveLength(1)
  })

  it.each(['What is due, and since when?', 'This is what a worker does.', 'Ask what happened.', 'The history is theirs.'])(
    'is not found wanting in: %s',
    (sentence) => {
      expect(offences(sentence, clauses)).toEqual([])
    },
  )
})

describe('the prose of code: comments, and strings of more than a word, such as errors, help and titles of tests', () => {
  it.each(['src', 'cmd', 'config', 'bench', 'stack', 'test'])('under %s is plain English', (folder) => {
    const sources = filesUnder([folder], 'ts').filter(({ path }) => /\.m?ts$/.test(path) && path !== 'test/repo/prose.test.ts')
    expect(sources.flatMap(({ path, text }) => offencesIn(text).map((found) => `${path}:${found}`))).toEqual([])
  })

  it.each([
    ["const url = 'https://example.com' // It is gone for good.", '1: for good'],
    ['/**\n * The first line\n * is told\n * of it.\n */', '1: told'],
    ["const quoted = /'/\n\n// Somebody lost\n// his way.", '3: his'],
    ["throw new Error('no row: mend it')", '1: mend'],
    ["it('waits ' + `for ${(await all())[0]?.name} to be made anew`, run)", '1: anew'],
    ['// A note. Who comes late waits.', '1: Who comes late waits.'],
    ['/** What waits. What comes late is lost. */', '1: What comes late is lost.'],
  ])('is found wanting in: %s', (code, found) => {
    expect(offencesIn(code)).toEqual([expect.stringContaining(found)])
  })

  it.each(["const mend = ['burn', his]", 'const halves = whole / his / 2', '/** What the row holds. */', 'const quote = /"/, mend = /"/'])(
    'is not found wanting in: %s',
    (code) => {
      expect(offencesIn(code)).toEqual([])
    },
  )
})

describe('the prose of everything else: comments, sentences of alerts and units, titles and descriptions of dashboards', () => {
  // Migrations stay as they were applied: databases hold their checksums.
  it.each(files.filter((path) => !/\.(?:m?ts|md|sql|mustache|svg|png)$/.test(path)))('of %s is plain English', (path) => {
    expect(offencesInConfiguration(readFileSync(path, 'utf8'))).toEqual([])
  })

  it.each([
    ['# A start that fails is\n# tried again\n#   for ever.\nRestart=on-failure', 'for ever'],
    ['restart: always # until somebody is told', 'told'],
    ['x-once: &once\n  # What it would fetch.\n  volumes: []', 'What it would fetch.'],
    ["annotations:\n  summary: 'What {{ $labels.group }} should do is late.'", 'What … should do is late.'],
    ['Description=The worker, which mends itself', 'mends'],
    ['{ "title": "Mails", "description": "By pool; whoever \\"waits\\", waits." }', 'whoever'],
    ['<project>\n  <!-- It is\n  gone for good. -->', 'for good'],
  ])('is found wanting in: %s', (text, found) => {
    expect(offencesInConfiguration(text)).toEqual([expect.stringContaining(found)])
  })

  it.each([
    'run: mend # `tell` and `told`',
    'command: [whoever]',
    '{ "expr": "his", "title": "Rows" }',
    'url: https://example.com/#for-good',
  ])('is not found wanting in: %s', (text) => {
    expect(offencesInConfiguration(text)).toEqual([])
  })
})

function offences(prose: string, more: typeof forbidden): readonly string[] {
  return [...forbidden, ...more].flatMap(([pattern, better]) =>
    [...prose.matchAll(pattern)].map(([found]) => `${found.trim()} (better: ${better})`),
  )
}

/** Comments and strings of TypeScript. Regular expressions are matched too, so that a quote or a slash in them starts nothing. */
const tokens =
  /(?<comment>(?:^[ \t]*\/\/.*\n?)+|\/\/.*|\/\*[\s\S]*?\*\/)|(?<string>'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\[\s\S])*`)|(?<=[=(,:!&|?{}[;>+\n]\s*|return )\/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n])+\/[a-z]*/gm

/** Offences, each behind the number of the line where its comment or string begins. */
function offencesIn(code: string): readonly string[] {
  return [...code.matchAll(tokens)].flatMap(({ groups, index }) => {
    const { comment, string } = groups ?? {}
    const prose = comment === undefined ? (string ?? '').slice(1, -1).replaceAll(/\$\{[^}]*\}/g, '…') : sentencesOf(comment)
    if (comment === undefined && !prose.includes(' ')) return []
    const found = offences(prose, clausesInCode)
    return found.length === 0 ? [] : found.map((offence) => `${code.slice(0, index).split('\n').length}: ${offence}`)
  })
}

/** Comments behind `#` and in XML, and what people read of units, images, alerts and dashboards. */
function offencesInConfiguration(text: string): readonly string[] {
  const comments = [...text.matchAll(/(?:^[ \t]*#.*\n?)+|[ \t]#[ \t].*|<!--[\s\S]*?-->/gm)].map(([comment]) =>
    comment
      .replaceAll(/^[ \t]*#+|<!--|-->/gm, '')
      .replaceAll(/`[^`]*`/g, '`')
      .replaceAll(/\s+/g, ' ')
      .trim(),
  )
  const values = [...text.matchAll(/\b(?:summary|title|description)"?[:=][ \t]*(?:(["'])(?<quoted>(?:\\.|(?!\1).)*)\1|(?<plain>.*))/gi)]
  const sentences = values.map(({ groups }) => (groups?.['quoted'] ?? groups?.['plain'] ?? '').replaceAll(/\{\{.*?\}\}/g, '…'))
  return [...comments, ...sentences].flatMap((prose) => offences(prose, clausesInCode))
}

/**
 * A comment's words on one line, without its marks and without code. The "What" or "Who" that names the thing below a doc comment is left
 * out.
 */
function sentencesOf(comment: string): string {
  return comment
    .replaceAll(/^[ \t]*(?:\/\*\*?|\*(?!\/)|\/\/) ?|\*\/$/gm, '')
    .replaceAll(/`[^`]*`/g, '`')
    .replaceAll(/\s+/g, ' ')
    .trim()
    .replace(comment.startsWith('/**') ? /^(?:What|Who) / : '', '')
}

/** The text without code, headings and the targets of links. */
function proseOf(markdown: string): string {
  return (
    markdown
      .replaceAll(/^```[\s\S]*?^```/gm, '')
      .replaceAll(/`[^`\n]*`/g, '`')
      .replaceAll(/\]\([^)]*\)/g, ']')
      // Names of tests.
      .replaceAll(/\]: "[^"\n]*"/g, ']')
      .replaceAll(/^#.*$/gm, '')
      .replaceAll(/^\|.*\n(?=\|[-|]+$)/gm, '')
  )
}
