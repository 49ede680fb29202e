import { BURST, type SizeFigures, type WayFigures } from './bench-size.ts'

const header = [
  'participants',
  'way',
  'events',
  'ms per event',
  'p99',
  'rows written',
  'WAL',
  `burst of ${BURST.toLocaleString('en')}`,
  'one event against windowed',
]

/** The figures of all sizes for a person, with the ratios that they are about. */
export function renderFigures(all: readonly SizeFigures[]): string {
  const rows = all.flatMap((size) => [
    rowOf(size, 'reference', size.reference),
    rowOf(size, 'full', size.full),
    rowOf(size, 'windowed', size.windowed),
  ])
  const blocks = all.map(
    ({ participants, block }) =>
      `Blocking the first of ${participants.toLocaleString('en')}: ${timeOf(block.ms)}, ${block.rows.toLocaleString('en')} rows, ${bytesOf(block.walBytes)} of WAL.`,
  )
  return [aligned([header, ...rows]), '', '~ extrapolated from one event', ...growthOf(all), ...blocks].join('\n')
}

function rowOf({ participants, windowed }: SizeFigures, name: string, way: WayFigures): readonly string[] {
  return [
    participants.toLocaleString('en'),
    name,
    String(way.events),
    way.ms.toFixed(way.ms < 10 ? 2 : 1),
    name === 'windowed' ? way.p99Ms.toFixed(2) : '',
    way.rows.toLocaleString('en'),
    bytesOf(way.walBytes),
    (name === 'reference' ? '~' : '') + timeOf(way.burstMs),
    name === 'windowed' ? '' : `${Math.round(way.ms / windowed.ms).toLocaleString('en')} x`,
  ]
}

/** How little the size matters, where there are two to compare. */
function growthOf(all: readonly SizeFigures[]): readonly string[] {
  const [base, largest] = [all.find(({ participants }) => participants === 10_000), all.at(-1)]
  if (base === undefined || largest === undefined || base === largest) return []
  const ratio = (largest.windowed.ms / base.windowed.ms).toFixed(2)
  return [`One event at ${largest.participants.toLocaleString('en')} takes ${ratio} times as long as at 10,000 by windows.`]
}

function aligned(lines: readonly (readonly string[])[]): string {
  const widths = header.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)))
  return lines
    .map((line) =>
      line
        .map((cell, column) => (column === 1 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

function timeOf(ms: number): string {
  if (ms < 1_000) return `${ms.toFixed(ms < 10 ? 1 : 0)} ms`
  if (ms < 120_000) return `${(ms / 1_000).toFixed(1)} s`
  return ms < 7_200_000 ? `${(ms / 60_000).toFixed(1)} min` : `${(ms / 3_600_000).toFixed(1)} h`
}

function bytesOf(bytes: number): string {
  if (bytes < 10_000) return `${bytes} B`
  return bytes < 10_000_000
    ? `${Math.round(bytes / 1_000).toLocaleString('en')} kB`
    : `${Math.round(bytes / 1_000_000).toLocaleString('en')} MB`
}
