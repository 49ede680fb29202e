import type { TcpProxy } from './tcp-proxy.ts'

/** The URL of a database, relay or endpoint with the port of a proxy. */
export function proxiedUrl(url: string, proxy: Pick<TcpProxy, 'port'>): string {
  const proxied = new URL(url)
  proxied.port = String(proxy.port)
  return proxied.href
}
