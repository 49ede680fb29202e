import { expect, test } from 'vitest'
import { terminalSvg } from '../../../cmd/pictures/terminal-svg.ts'

test('every line is a text at its place, as long as its characters, with nothing in it that could be markup', () => {
  const svg = terminalSvg(['$ demo', '', 'a <b> & c'])
  expect(svg).toContain('<text x="16" y="30" textLength="50.4" fill="#7ee787">$\u00a0demo</text>')
  expect(svg).toContain('<text x="16" y="70" textLength="75.6">a\u00a0&lt;b&gt;\u00a0&amp;\u00a0c</text>')
  expect(svg.match(/<text/g)).toHaveLength(2)
  expect(svg).toContain('width="108" height="92"')
})
