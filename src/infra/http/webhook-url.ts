/**
 * The URL of an endpoint, if requests may go there at all: http or https, no user or password, and of the ports below 1024
 * only 80 and 443, so that no tenant can make us connect to a mail server or a shell. Null otherwise. The address itself
 * is checked by the guard, at each connect.
 */
export function webhookUrl(text: string): URL | null {
  const url = URL.parse(text)
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) return null
  if (url.username !== '' || url.password !== '') return null
  const port = url.port === '' ? (url.protocol === 'http:' ? 80 : 443) : Number(url.port)
  return port === 80 || port === 443 || port >= 1024 ? url : null
}
