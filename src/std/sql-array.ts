/**
 * One column of many rows as a PostgreSQL array literal, for `unnest($1::uuid[], $2::text[], ...)`. The driver's own conversion runs two
 * regular expressions per element, and a chunk has thousands of elements.
 * https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO
 */
export function sqlArray<Row>(rows: readonly Row[], column: (row: Row) => string | number | bigint | null | undefined): string {
  let literal = '{'
  for (const row of rows) {
    if (literal.length > 1) literal += ','
    const value = column(row)
    literal += value === null || value === undefined ? 'NULL' : typeof value === 'string' ? quoted(value) : String(value)
  }
  return literal + '}'
}

/** A `bytea` as an array element. */
export function sqlBytes(bytes: Uint8Array): string {
  return `\\x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')}`
}

function quoted(value: string): string {
  const escaped = value.includes('\\') ? value.replaceAll('\\', '\\\\') : value
  return `"${escaped.includes('"') ? escaped.replaceAll('"', '\\"') : escaped}"`
}
