import { coloured } from './colour.ts'
import type { Terminal } from './terminal.ts'

type Cell = string | number | bigint | null

/** Minimum width of a truncated text column: the first group of a UUID. */
const LEAST = 8
/** Columns whose words are verdicts, states or the end of a pause. */
const statefulColumns: ReadonlySet<string> = new Set(['VERDICT', 'STATE', 'LEFT', 'ROWS'])

/**
 * Columns aligned by spaces, numbers to the right; null is a dash.
 *
 * @param columns the width of the output. Text that does not fit is truncated with an ellipsis; where that is not enough, each row becomes a
 *   block of lines. Null: nothing is truncated.
 * @param painted the terminal on which cells that are verdicts or states are coloured; null: no table of those
 */
export function renderTable(
  header: readonly string[],
  rows: readonly (readonly Cell[])[],
  columns: number | null,
  painted: Pick<Terminal, 'isTerminal' | 'environment'> | null = null,
): string {
  const paint = (text: string, column: number) =>
    painted !== null && statefulColumns.has(header[column] ?? '') ? text.replace(text.trim(), (word) => coloured(painted, word)) : text
  const lines = [header, ...rows.map((row) => row.map((cell) => String(cell ?? '-')))]
  const isNumeric = header.map((_, column) => rows.every((row) => typeof row[column] !== 'string'))
  const natural = header.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)))
  const widths = columns === null ? natural : fitted(natural, isNumeric, columns)
  if (widths === null) return blocks(header, lines.slice(1), paint)
  return lines
    .map((line) =>
      line
        .map((cell, column) => paint(padded(cell, widths[column] ?? 0, isNumeric[column] === true), column))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** Truncates the widest text columns first; null when that is not enough. */
function fitted(natural: readonly number[], isNumeric: readonly boolean[], columns: number): readonly number[] | null {
  const widths = [...natural]
  const total = () => widths.reduce((sum, width) => sum + width, 2 * (widths.length - 1))
  while (total() > columns) {
    const widest = widths.reduce((best, width, column) => (isNumeric[column] !== true && width > (widths[best] ?? 0) ? column : best), -1)
    const width = widths[widest] ?? 0
    if (width <= LEAST) return null
    widths[widest] = width - 1
  }
  return widths
}

function padded(cell: string, width: number, isNumber: boolean): string {
  if (isNumber) return cell.padStart(width)
  return cell.length > width ? `${cell.slice(0, width - 1)}…` : cell.padEnd(width)
}

function blocks(header: readonly string[], rows: readonly (readonly string[])[], paint: (text: string, column: number) => string): string {
  const width = Math.max(...header.map(({ length }) => length))
  return rows
    .map((row) => row.map((cell, column) => `${(header[column] ?? '').padEnd(width)}  ${paint(cell, column)}`).join('\n'))
    .join('\n\n')
}
