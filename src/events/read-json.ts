import { nestsDeeperThan } from './depth.ts'

/** Deeper than any event of the catalogue, far below what would exhaust the stack. */
export const MAX_DEPTH = 32

/** JSON as it stands in bytes, or why it is none that is read; never a text of the bytes, which may hold an address. */
export type ReadJson = { readonly value: unknown } | { readonly reason: 'too-deep' | 'not-utf8' | 'not-json'; readonly detail: string }

/** Parses bytes of any origin: depth limit, UTF-8, JSON. Never throws. */
export function readJson(bytes: Uint8Array): ReadJson {
  if (nestsDeeperThan(bytes, MAX_DEPTH)) return { reason: 'too-deep', detail: `nests deeper than ${MAX_DEPTH}` }
  let text: string
  try {
    text = utf8.decode(bytes)
  } catch {
    // The decoder's message adds nothing to this reason.
    return { reason: 'not-utf8', detail: 'the value is not UTF-8' }
  }
  try {
    return { value: JSON.parse(text) }
  } catch {
    // V8's message quotes the text.
    return { reason: 'not-json', detail: 'the value is not JSON' }
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
