type Cell = string | number | bigint | null

/** Columns aligned by spaces, numbers to the right; null is a dash. */
export function renderTable(header: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const lines = [header, ...rows.map((row) => row.map((cell) => String(cell ?? '-')))]
  const widths = header.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)))
  const isNumeric = header.map((_, column) => rows.every((row) => typeof row[column] !== 'string'))
  return lines
    .map((line) =>
      line
        .map((cell, column) => (isNumeric[column] === true ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
