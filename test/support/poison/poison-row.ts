import { readFileSync } from 'node:fs'
import type { EventType } from '../../../src/events/event.ts'
import { eventTypes } from '../../../src/events/catalogue.ts'

/** Text, or a text so many times. */
export type Piece = string | readonly [text: string, times: number]

export type HeaderSpec =
  | string
  | { readonly hex: string }
  | { readonly repeat: readonly [text: string, times: number] }
  /** So many headers of this name. */
  | { readonly times: number }
  | readonly string[]

/** The three groups by the first word of their names. */
export const groupWords = ['email', 'position', 'reward'] as const
export type GroupWord = (typeof groupWords)[number]

/**
 * How a record ends in a group: `skipped`, an outcome at its place (`accepted`), nothing new because its event stands on record
 * (`repeated`), or `dead-letter:` and the reason.
 */
export type End = string

/** One line of corpus.jsonl: what the record is, and how it ends. */
export interface PoisonRow {
  readonly name: string
  /** For each group that looks at the body, or by group. */
  readonly ends: End | Readonly<Record<GroupWord, End>>
  /** Groups that look at the body, where the header `event-type` does not tell; the others skip the record. */
  readonly parsedBy?: readonly GroupWord[]
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

const parsers: Readonly<Record<EventType, readonly GroupWord[]>> = {
  'user.signed_up': ['email'],
  'user.verified': ['email'],
  'referral.created': [],
  'referral.verified': ['email', 'position'],
  'reward.earned': ['email', 'reward'],
  'campaign.milestone_reached': ['email'],
}

/** How the row ends in a group. */
export function endOf(row: PoisonRow, group: GroupWord): End {
  if (typeof row.ends !== 'string') return row.ends[group]
  return (row.parsedBy ?? parsersOf(row)).includes(group) ? row.ends : 'skipped'
}

function parsersOf({ name, event, headers = {} }: PoisonRow): readonly GroupWord[] {
  const named = Object.hasOwn(headers, 'event-type') ? headers['event-type'] : event
  if (named === undefined || named === null) return groupWords
  const type = eventTypes.find((one) => one === named)
  if (type === undefined && named !== 'order.placed') throw new Error(`${name}: say by group how it ends, its header is no plain type`)
  return type === undefined ? [] : parsers[type]
}
