import { campaignId, sampleEvent } from '../sample-event.ts'
import { poisonRows, rowNamed, type HeaderSpec, type Piece, type PoisonRow } from './poison-row.ts'

/** A record as a producer sends it. */
export interface PoisonRecord {
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: Record<string, Buffer | Buffer[]>
  readonly timestamp?: string
}

/** What the row describes. The same row gives the same bytes every time. */
export function recordOfRow(row: PoisonRow): PoisonRecord {
  const timestamp = row.at ?? (row.age === undefined ? undefined : String(Date.now() - row.age))
  return { key: keyOf(row), value: valueOf(row), headers: headersOf(row), ...(timestamp === undefined ? {} : { timestamp }) }
}

/** The id of the event in it, as its publisher meant it. */
export function eventIdOfRow(row: PoisonRow): string {
  const of = row.as === undefined ? row : rowNamed(row.as)
  return sampleEvent(of.event ?? 'user.signed_up', numberOf(of)).id
}

function numberOf(row: PoisonRow): number {
  return 1_000 + poisonRows.indexOf(row)
}

function valueOf(row: PoisonRow): Buffer | null {
  if (row.value === null) return null
  if (row.hex !== undefined) return Buffer.from(row.hex, 'hex')
  if (row.pieces !== undefined) return Buffer.from(join(row.pieces))
  if (row.event === undefined) return Buffer.from(row.text ?? '')
  let text = eventText(row, row.event)
  if (row.size !== undefined) text = `${text.slice(0, -1)},"filler":"${'x'.repeat(row.size - Buffer.byteLength(text) - 12)}"}`
  if (row.cut !== undefined) text = text.slice(0, row.cut)
  text = (row.before ?? '') + join(row.beforePieces ?? []) + text + (row.after ?? '') + join(row.afterPieces ?? [])
  const bytes = Buffer.concat([Buffer.from(row.beforeHex ?? '', 'hex'), Buffer.from(text, row.encoding ?? 'utf8')])
  if (row.prependHex !== undefined) return spliced(bytes, bytes.indexOf('{') + 1, 0, row.prependHex)
  return row.rawHex === undefined ? bytes : spliced(bytes, bytes.indexOf('@raw'), '@raw'.length, row.rawHex)
}

function eventText(row: PoisonRow, type: NonNullable<PoisonRow['event']>): string {
  const of = row.as === undefined ? row : rowNamed(row.as)
  const event: Fields = { ...structuredClone(sampleEvent(type, numberOf(of))), id: eventIdOfRow(row) }
  for (const path of row.without ?? []) change(event, path, (fields, name) => delete fields[name])
  for (const [path, value] of Object.entries(row.set ?? {})) change(event, path, (fields, name) => (fields[name] = value))
  for (const path of row.upper ?? []) change(event, path, (fields, name) => (fields[name] = String(fields[name]).toUpperCase()))
  let text = JSON.stringify(event)
  const { raw } = row
  if (raw !== undefined) text = text.replace('"@raw"', () => join(raw))
  text = text.replace('"data":{', (found) => found + (row.dataPrepend ?? ''))
  return `{${row.prepend ?? ''}${join(row.prependPieces ?? [])}${text.slice(1, -1)}${row.append ?? ''}}`
}

type Fields = Record<string, unknown>

function change(event: Fields, path: string, to: (fields: Fields, name: string) => void): void {
  const [first = '', second] = path.split('.')
  const inner = event[first]
  if (second === undefined) to(event, first)
  else if (typeof inner === 'object' && inner !== null) to(Object.assign(inner), second)
}

function headersOf(row: PoisonRow): Record<string, Buffer | Buffer[]> {
  const own: [string, HeaderSpec][] =
    row.event === undefined
      ? []
      : [
          ['event-type', row.event],
          ['event-version', '1'],
        ]
  const headers = new Map(own.map(([name, spec]) => [name, headerBytes(spec)]))
  for (const [name, spec] of Object.entries(row.headers ?? {})) {
    if (spec === null) headers.delete(name)
    else headers.set(name, headerBytes(spec))
  }
  for (let n = 0; n < (row.manyHeaders ?? 0); n++) headers.set(`h${n}`, Buffer.alloc(0))
  return Object.fromEntries(headers)
}

function headerBytes(spec: HeaderSpec): Buffer | Buffer[] {
  if (typeof spec === 'string') return Buffer.from(spec)
  if ('hex' in spec) return Buffer.from(spec.hex, 'hex')
  if ('repeat' in spec) return Buffer.from(join([spec.repeat]))
  if ('times' in spec) return Array.from({ length: spec.times }, (_, n) => Buffer.from(String(n)))
  return spec.map((text) => Buffer.from(text))
}

function keyOf({ key }: PoisonRow): Buffer | null {
  if (key === undefined) return Buffer.from(campaignId)
  if (key === null || typeof key === 'string') return key === null ? null : Buffer.from(key)
  return 'hex' in key ? Buffer.from(key.hex, 'hex') : Buffer.from(join([key.repeat]))
}

function join(pieces: readonly Piece[]): string {
  return pieces.map((piece) => (typeof piece === 'string' ? piece : piece[0].repeat(piece[1]))).join('')
}

function spliced(bytes: Buffer, at: number, length: number, hex: string): Buffer {
  return Buffer.concat([bytes.subarray(0, at), Buffer.from(hex, 'hex'), bytes.subarray(at + length)])
}
