const FONT = 14
/** Of a character: what monospaced fonts have in common is stretched to this by `textLength`. */
const ADVANCE = 8.4
const LINE = 20
const MARGIN = 16

/** A terminal with these lines, as SVG of text in whatever monospaced font its reader has. */
export function terminalSvg(lines: readonly string[]): string {
  const width = Math.ceil(Math.max(...lines.map(({ length }) => length)) * ADVANCE) + 2 * MARGIN
  const height = lines.length * LINE + 2 * MARGIN
  const texts = lines.flatMap((line, index) => {
    if (line === '') return []
    const y = MARGIN + index * LINE + FONT
    const length = Math.round(line.length * ADVANCE * 10) / 10
    return `<text x="${MARGIN}" y="${y}" textLength="${length}"${line.startsWith('$ ') ? ' fill="#7ee787"' : ''}>${escaped(line)}</text>`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">
<title>The terminal of npm run demo</title>
<rect width="100%" height="100%" rx="8" fill="#0d1117"/>
<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'Liberation Mono', monospace" font-size="${FONT}" fill="#e6edf3">
${texts.join('\n')}
</g>
</svg>
`
}

/** With spaces that no reader folds into one. */
function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll(' ', '\u00a0')
}
