import { readFileSync, statSync } from 'node:fs'
import { posix } from 'node:path'
import { describe, expect, it } from 'vitest'
import { files, filesUnder } from './source-files.ts'

const pictures = files.filter((path) => path.startsWith('docs/pictures/'))

describe('the pictures that npm run pictures makes', () => {
  it('are the terminal of the demo and the mails in light and dark', () => {
    expect(pictures.toSorted()).toEqual(['docs/pictures/demo.svg', 'docs/pictures/mail-dark.png', 'docs/pictures/mail-light.png'])
  })

  it.each(pictures)('%s is small, and is what its name says', (path) => {
    expect(statSync(path).size).toBeLessThan(150_000)
    // A page of mails that was not painted yet is a few kilobytes of one colour.
    expect(statSync(path).size).toBeGreaterThan(path.endsWith('.svg') ? 1_000 : 50_000)
    const begin = readFileSync(path).subarray(0, 8)
    expect(begin).toEqual(path.endsWith('.svg') ? Buffer.from('<svg xml') : Buffer.from('89504e470d0a1a0a', 'hex'))
  })

  it.each(pictures)('%s is linked by a document', (path) => {
    const papers = [
      ...filesUnder(['docs'], '.md'),
      ...['README.md', 'CONTRIBUTING.md'].map((name) => ({ path: name, text: readFileSync(name, 'utf8') })),
    ]
    const linking = papers.filter((paper) => paper.text.includes(`](${posix.relative(posix.dirname(paper.path), path)})`))
    expect(linking).not.toEqual([])
  })

  it('show the demo as it is: the columns of its table and what it says to look at, without a password', () => {
    const svg = readFileSync('docs/pictures/demo.svg', 'utf8')
    const view = readFileSync('cmd/demo/live-view.ts', 'utf8')
    const columns = [...(/\['group'.*\]/.exec(view)?.[0].matchAll(/'([^']+)'/g) ?? [])].map(([, column = '']) => column)
    expect(columns.length).toBeGreaterThan(5)
    expect(svg).toMatch(new RegExp(`>${columns.map((column) => column.replace(' ', '\\s')).join('\\s+')}<`))
    for (const sight of ['mails', 'metrics', 'status', 'log']) expect(svg).toMatch(new RegExp(`>\\s+${sight}\\s+\\S+\\s`))
    expect(svg.match(/:[^:@/*]+@/)).toBeNull()
  })
})
