/** Scheme, host and port of a URL, without path, query and user, which may hold secrets. Null unless the scheme is http or https. */
export function originOf(url: string): string | null {
  const parsed = URL.parse(url)
  return parsed?.protocol === 'http:' || parsed?.protocol === 'https:' ? parsed.origin : null
}
