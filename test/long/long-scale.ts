/** `LONG_SCALE`, a share of the full size, for those who work on these tests; what they promise holds at 1. */
const scale = Number(process.env['LONG_SCALE'] ?? 1)

/** The requested part of the full size, and never less than `least`, below which the test would show nothing. */
export function scaled(full: number, least: number): number {
  return Math.max(least, Math.round(full * scale))
}

/** For who runs it: what was measured, on a line of its own. */
export function writeLine(line: string): void {
  process.stderr.write(`  ${line}\n`)
}
