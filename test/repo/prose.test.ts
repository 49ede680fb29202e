import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { files } from './source-files.ts'

const papers = files.filter((path) => /^(?:README|ARCHITECTURE|CONTRIBUTING)\.md$|^docs\/.*\.md$/.test(path))

/** What a native engineer would not write: the pattern, and what to write instead. */
const forbidden: readonly (readonly [pattern: RegExp, better: string])[] = [
  [/\bwhoever\b/gi, 'name the person or the program: "the operator", "a consumer that"'],
  [/(?<=^|[.:;!?] |\| |- |\*\*)(?:Who|What) [^.?!|]*(?:[.!|]|$)/gm, 'begin with the subject, not with a clause in its place'],
  [/\b(?:he|him|his|himself)\b/gi, '"they", or name the person'],
  [/\b(?:that|and|which) (?:is|are) none\b|\band none that\b/gi, 'say what it is'],
  [/\bfor good\b/gi, '"permanently", or say what ends it'],
  [/\b(?:hears?|heard|believes?|believed)\b/gi, 'programs receive, detect and assume'],
  [/\b(?:is|are|was|were|be) told\b/gi, 'programs are notified, errors are reported'],
  [/\b(?:begins?|began|asked|placed|set|signed|made|written|joins?|answers?|writes?) anew\b/gi, '"again", "restarted", "recreated"'],
  [/\bmend(?:s|ed|ing)?\b/gi, '"fix"'],
]

describe('the prose of the documents', () => {
  it.each(papers)('of %s is plain English', (path) => {
    expect(offences(proseOf(readFileSync(path, 'utf8')))).toEqual([])
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
    expect(offences(sentence)).toHaveLength(1)
  })

  it.each(['What is due, and since when?', 'This is what a worker does.', 'Ask what happened.', 'The history is theirs.'])(
    'is not found wanting in: %s',
    (sentence) => {
      expect(offences(sentence)).toEqual([])
    },
  )
})

function offences(prose: string): readonly string[] {
  return forbidden.flatMap(([pattern, better]) => [...prose.matchAll(pattern)].map(([found]) => `${found.trim()} (better: ${better})`))
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
