/** Scheme, host and port of a URL; never its path or query, which may hold tokens, nor a user. Null where it is no URL for the web. */
export function originOf(url: string): string | null {
  const parsed = URL.parse(url)
  return parsed?.protocol === 'http:' || parsed?.protocol === 'https:' ? parsed.origin : null
}
