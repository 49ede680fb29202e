/** Replaces whatever must not leave the machine. */
const MASK = '***'
/** Shorter texts occur by themselves. */
const SHORTEST_SECRET = 4

/** User and password of a URL, up to the last @ before its path ends. */
const USERINFO = /(:\/\/)[^\s"'<>]*@/g
/** Queries of URLs carry tokens. */
const QUERY = /(:\/\/[^\s"'<>?]*)\?[^\s"'<>]*/g
/** Anything that could be a mail address, in any script. */
const ADDRESS = /[^\s<>"'(),;:@/*|\\[\]{}]+@[^\s<>"'(),;:@/*|\\[\]{}]+/gu
const BEARER = /\b(Bearer|Basic)\s+[\w.~+/=-]+/gi
const WEBHOOK_SECRET = /whsec_[\w+/=-]+/g
/** A signed token: three parts of base64url, the first a JSON object. */
const JWT = /\beyJ[\w-]+\.[\w-]+\.[\w-]*/g

/**
 * A copy of a value of JSON without secrets and mail addresses, in names and texts at any depth. `secrets` are replaced wherever they stand,
 * as they are and percent-encoded.
 */
export function createScrubber(secrets: readonly string[]): (value: unknown) => unknown {
  const forms = secrets.flatMap((secret) => [secret, encodeURIComponent(secret)]).filter(({ length }) => length >= SHORTEST_SECRET)
  // The longest first, because one may hold another.
  const known = [...new Set(forms)].toSorted((a, b) => b.length - a.length)

  function scrubText(text: string): string {
    return known
      .reduce((rest, secret) => rest.replaceAll(secret, MASK), text)
      .replace(USERINFO, `$1${MASK}@`)
      .replace(QUERY, `$1?${MASK}`)
      .replace(ADDRESS, `${MASK}@${MASK}`)
      .replace(BEARER, `$1 ${MASK}`)
      .replace(WEBHOOK_SECRET, MASK)
      .replace(JWT, MASK)
  }

  function scrub(value: unknown): unknown {
    if (typeof value === 'string') return scrubText(value)
    if (typeof value === 'bigint') return String(value)
    if (value instanceof Date) return value.toISOString()
    if (value instanceof Map) return Object.fromEntries([...value].map(([key, held]) => [scrubText(String(key)), scrub(held)]))
    if (Array.isArray(value)) return value.map(scrub)
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(Object.entries(value).map(([key, held]) => [scrubText(key), scrub(held)]))
  }
  return scrub
}
