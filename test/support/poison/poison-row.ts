import { readFileSync } from 'node:fs'
import type { EventType } from '../../../src/events/event.ts'
import { handles, textsWritten } from '../../invariants/expected-effects.ts'
import type { Group } from '../../invariants/history.ts'

/** Text, or a text so many times. */
export type Piece = string | readonly [text: string, times: number]

export type HeaderSpec =
  | string
  | { readonly hex: string }
  | { readonly repeat: readonly [text: string, times: number] }
  /** So many headers of this name. */
  | { readonly times: number }
  | readonly string[]

/**
 * How a record ends in a group: `skipped`, an outcome at its place (`accepted`), nothing new because its event stands on record
 * (`repeated`), or `dead-letter:` and the reason.
 */
export type End = string

/** One line of corpus.jsonl: what the record is, and how it ends. */
export interface PoisonRow {
  readonly name: string
  /** In each group that reads the body, and whose business its event is where that decides; see {@link endOf}. */
  readonly ends: End
  /** How the dead letter differs from the record; it does not, when nothing is said. */
  readonly letter?: 'value-omitted'
  /** Headers that the dead letter has as its own. */
  readonly ours?: readonly string[]

  /** The value as it is: null for a tombstone, or text, bytes, pieces. */
  readonly value?: null
  readonly text?: string
  readonly hex?: string
  readonly pieces?: readonly Piece[]

  /** Or a good event of this type, about a fact of its own, changed in the order of these fields. */
  readonly event?: EventType
  /** With the id and the fact of this row's event. */
  readonly as?: string
  /** Paths of fields that are left out, set or written in capitals. */
  readonly without?: readonly string[]
  readonly set?: Readonly<Record<string, unknown>>
  readonly upper?: readonly string[]
  /** Instead of the value "@raw": JSON text; or bytes within its quotes. */
  readonly raw?: readonly Piece[]
  readonly rawHex?: string
  /** Text behind the brace that opens data, behind the first brace, before the last one. */
  readonly dataPrepend?: string
  readonly prepend?: string
  readonly prependPieces?: readonly Piece[]
  readonly prependHex?: string
  readonly append?: string
  /** Filled up to so many bytes; or cut to so many characters. */
  readonly size?: number
  readonly cut?: number
  /** Text or bytes around the whole. */
  readonly before?: string
  readonly beforePieces?: readonly Piece[]
  readonly beforeHex?: string
  readonly after?: string
  readonly afterPieces?: readonly Piece[]
  readonly encoding?: 'utf16le'

  /** Over `event-type` and `event-version` of an event; null takes one away. */
  readonly headers?: Readonly<Record<string, HeaderSpec | null>>
  /** So many more headers, each of another name. */
  readonly manyHeaders?: number
  /** The campaign's id, when nothing is said. */
  readonly key?: null | string | { readonly hex: string } | { readonly repeat: readonly [text: string, times: number] }
  /** Milliseconds that the record is older than now; or its timestamp. */
  readonly age?: number
  readonly at?: string
}

export const poisonRows: readonly PoisonRow[] = readFileSync(new URL('corpus.jsonl', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line): PoisonRow => JSON.parse(line))

export function rowNamed(name: string): PoisonRow {
  const row = poisonRows.find((one) => one.name === name)
  if (row === undefined) throw new Error(`No row is named “${name}”.`)
  return row
}

/** How the row ends in a group. */
export function endOf(row: PoisonRow, group: Group): End {
  const named = typeInHeaders(row)
  if (named !== null && !handles(group, named)) return 'skipped'
  if (!endsOfEvents.has(row.ends)) return row.ends
  if (row.event === undefined || !handles(group, row.event)) return 'skipped'
  const { event: first } = row.as === undefined ? row : rowNamed(row.as)
  if (row.ends === 'dead-letter:id-conflict' && (first === undefined || !handles(group, first))) return 'accepted'
  if (row.ends === 'dead-letter:database-rejected' && textsWritten(group, row.event)?.length === 0) return 'accepted'
  return row.ends
}

/** The ends that depend on what the group does with the event; all others depend on the bytes of the record alone. */
const endsOfEvents: ReadonlySet<End> = new Set(['accepted', 'repeated', 'dead-letter:id-conflict', 'dead-letter:database-rejected'])

/** The type that the headers name; null where they name none or several, and every group has to read the body. */
function typeInHeaders({ event, headers = {} }: PoisonRow): string | null {
  const own = Object.hasOwn(headers, 'event-type') ? headers['event-type'] : event
  const types = [own, headers['ce_type']].map(textsOf).find((texts) => texts.length > 0) ?? []
  return new Set(types).size === 1 ? (types[0] ?? null) : null
}

/** The values of a header as text; an empty one counts for nothing. */
function textsOf(spec: HeaderSpec | null | undefined): readonly string[] {
  if (spec === null || spec === undefined || spec === '') return []
  if (typeof spec === 'string') return [spec]
  if ('hex' in spec) return [Buffer.from(spec.hex, 'hex').toString()]
  if ('repeat' in spec) return [spec.repeat[0].repeat(spec.repeat[1])]
  if ('times' in spec) return Array.from({ length: spec.times }, (_, at) => String(at))
  return spec
}
