/**
 * Whether two URLs name the same endpoint: equal as the URL standard writes them (case of scheme and host, IDN, default port, `/`
 * on a bare host, dot segments, blanks around them; https://url.spec.whatwg.org), whatever the case of a percent-encoding (RFC
 * 3986, 6.2.2.1), and but for the fragment, which is never sent. What is no URL equals only itself.
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
