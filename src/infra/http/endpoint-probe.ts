import net from 'node:net'
import tls from 'node:tls'
import type { EndpointFacts, EndpointProbe } from '../../admin/doctor/endpoint-check.ts'
import { tlsFaultOf } from '../../std/tls-fault.ts'
import type { AddressGuard } from './address-guard.ts'
import { webhookUrl } from './webhook-url.ts'

interface EndpointProbeSettings {
  readonly guard: AddressGuard
  /** For resolving, connecting and the handshake together; milliseconds. */
  readonly answerMs: number
}

/** Connects to the origins of endpoints as a delivery would, by the same guard; https with its handshake. No request is sent. */
export function createEndpointProbe(settings: EndpointProbeSettings): EndpointProbe {
  return { probe: (urls, signal) => Promise.all(urls.map((url) => probeOne(url, settings, signal))) }
}

async function probeOne(text: string, settings: EndpointProbeSettings, signal: AbortSignal): Promise<EndpointFacts> {
  const url = webhookUrl(text)
  if (url === null) return { origin: shown(text), refused: 'url-refused' }
  return { origin: url.origin, refused: await connect(url, settings, signal) }
}

function connect(url: URL, { guard, answerMs }: EndpointProbeSettings, signal: AbortSignal): Promise<EndpointFacts['refused']> {
  return new Promise((resolve) => {
    try {
      // A host that is an address is never looked up: the guard's lookup alone would let it through.
      guard.checkLiteral(url.hostname)
    } catch {
      resolve('address-refused')
      return
    }
    const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
    const isSecure = url.protocol === 'https:'
    const port = url.port === '' ? (isSecure ? 443 : 80) : Number(url.port)
    const place = { host, port, lookup: guard.lookup }
    const socket = isSecure ? tls.connect({ ...place, ...(net.isIP(host) ? {} : { servername: host }) }) : net.connect(place)
    const settle = (refused: EndpointFacts['refused']) => {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
      socket.destroy()
      resolve(refused)
    }
    const onAbort = () => settle('no-answer')
    const timer = setTimeout(onAbort, answerMs)
    signal.addEventListener('abort', onAbort, { once: true })
    socket.once(isSecure ? 'secureConnect' : 'connect', () => settle(null))
    socket.on('error', (error) => settle(reasonOf(error)))
  })
}

function reasonOf(error: Error): NonNullable<EndpointFacts['refused']> {
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error
  const code = first instanceof Error && 'code' in first ? String(first.code) : ''
  if (code === 'ADDRESS_REFUSED') return 'address-refused'
  if (/^(?:ENOTFOUND|EAI_)/.test(code)) return 'unresolved'
  return tlsFaultOf(first) === null ? 'no-connection' : 'tls-failed'
}

/** A URL that is refused may hold a password: only its host is shown. */
function shown(text: string): string {
  return URL.parse(text)?.host ?? 'a webhook whose URL does not parse'
}
