import type { TcpProxy } from './tcp-proxy.ts'

/** The same server by the proxy's port: of a database, a relay or an endpoint. */
export function through(url: string, proxy: Pick<TcpProxy, 'port'>): string {
  const proxied = new URL(url)
  proxied.port = String(proxy.port)
  return proxied.href
}
