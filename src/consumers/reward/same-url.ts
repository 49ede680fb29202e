/**
 * Whether two URLs name the same endpoint: equal after normalization by the URL standard (case of scheme and host, IDN, default port, `/`
 * after a bare host, dot segments, surrounding spaces; https://url.spec.whatwg.org), ignoring the case of percent-encodings (RFC 3986,
 * 6.2.2.1) and the fragment, which is never sent. Text that is not a URL equals only itself.
 */
export function sameUrl(one: string, other: string): boolean {
  return normal(one) === normal(other)
}

function normal(text: string): string {
  const url = URL.parse(text)
  if (url === null) return text
  url.hash = ''
  return url.href.replace(/%[0-9a-f]{2}/gi, (escape) => escape.toUpperCase())
}
