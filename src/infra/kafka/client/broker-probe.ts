import net from 'node:net'
import tls from 'node:tls'
import type { ConnectionOptions } from 'node:tls'
import type { BrokerFacts, BrokerProbe, OtherReply } from '../../../admin/doctor/broker-facts.ts'
import { tlsFaultOf, type TlsFault } from '../../../std/tls-fault.ts'
import type { KafkaTls } from './access.ts'

interface ProbeSettings {
  readonly tls?: KafkaTls | undefined
  readonly clientId: string
  /** For connecting, for the handshake, and for the answer; milliseconds. */
  readonly answerMs: number
}

/**
 * Probes brokers by connections of their own, without kafkajs, a login or retries: connects, verifies TLS as a client would, and requests the
 * API versions, which a broker answers before any login.
 */
export function createBrokerProbe(settings: ProbeSettings): BrokerProbe {
  return {
    probe: (addresses, signal) => Promise.all(addresses.map((address) => probeOne(address, settings, signal))),
  }
}

async function probeOne(address: string, settings: ProbeSettings, signal: AbortSignal): Promise<BrokerFacts> {
  const { answerMs } = settings
  const { host, port } = placeOf(address)
  const socket = net.connect({ host, port })
  const onAbort = () => socket.destroy()
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    const refused = await opened(socket, 'connect', answerMs)
    if (refused !== null) return { address, refused: codeOf(refused), tls: null, apiVersions: null, reply: null }
    if (settings.tls === undefined) return { address, refused: null, tls: null, ...(await apiVersions(socket, settings)) }
    const secured = tls.connect({ ...tlsOptions(settings.tls), socket, ...(net.isIP(host) ? { host } : { servername: host }) })
    const wrong = await opened(secured, 'secureConnect', answerMs)
    if (wrong !== null) return { address, refused: null, tls: { fault: faultOf(wrong), notAfter: null }, apiVersions: null, reply: null }
    // In TLS 1.3 a broker refuses our certificate only after the handshake.
    const late: Error[] = []
    secured.on('error', (error) => late.push(error))
    const notAfter = Date.parse(secured.getPeerCertificate().valid_to)
    const versions = await apiVersions(secured, settings)
    return {
      address,
      refused: null,
      tls: { fault: late.map(tlsFaultOf).find((fault) => fault !== null) ?? null, notAfter: Number.isNaN(notAfter) ? null : notAfter },
      ...versions,
    }
  } finally {
    signal.removeEventListener('abort', onAbort)
    socket.destroy()
  }
}

/** Null once the event comes; otherwise why it did not. */
function opened(socket: net.Socket, event: 'connect' | 'secureConnect', answerMs: number): Promise<Error | null> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(new Late(answerMs)), answerMs)
    const settle = (error: Error | null) => {
      clearTimeout(timer)
      resolve(error)
    }
    socket.once(event, () => settle(null))
    socket.on('error', settle)
    socket.once('close', () => settle(new Closed()))
  })
}

class Late extends Error {
  readonly code: string

  constructor(ms: number) {
    super('late')
    this.code = `no answer for ${ms / 1_000} s`
  }
}

class Closed extends Error {
  readonly code = 'ECONNRESET'
}

function faultOf(error: Error): TlsFault {
  return tlsFaultOf(error) ?? { is: 'failed', code: codeOf(error) }
}

function codeOf(error: Error): string {
  if (error instanceof AggregateError && error.errors[0] instanceof Error) return codeOf(error.errors[0])
  return 'code' in error && typeof error.code === 'string' ? error.code : 'no connection'
}

/** https://kafka.apache.org/protocol#The_Messages_ApiVersions; version 0 is understood by every broker, and its header has no tags. */
const API_VERSIONS = 18

/** Newest version by API key; or what came instead. */
function apiVersions(socket: net.Socket, { clientId, answerMs }: ProbeSettings): Promise<Pick<BrokerFacts, 'apiVersions' | 'reply'>> {
  return new Promise((resolve) => {
    let received = Buffer.alloc(0)
    const ended = (reply: OtherReply) => resolve({ apiVersions: null, reply: received.length === 0 ? reply : replyOf(received) })
    const timer = setTimeout(() => ended('silent'), answerMs)
    const settle = (versions: ReadonlyMap<number, number> | null) => {
      clearTimeout(timer)
      if (versions === null) ended('closed')
      else resolve({ apiVersions: versions, reply: null })
    }
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk])
      if (received.length < 4) return
      const size = received.readInt32BE(0)
      if (size < 10 || size > MOST_BYTES) settle(null)
      else if (received.length >= 4 + size) settle(readVersions(received.subarray(4, 4 + size)))
    })
    socket.once('error', () => settle(null))
    socket.once('close', () => settle(null))
    socket.write(request(clientId))
  })
}

/** What the first bytes of an answer that is not Kafka's belong to. */
function replyOf(bytes: Buffer): OtherReply {
  const text = bytes.toString('latin1')
  // An alert: RFC 8446 section 5.1.
  if (bytes[0] === 0x15 && bytes[1] === 0x03) return 'tls'
  if (text.startsWith('HTTP/')) return 'http'
  // ErrorResponse, with its severity first: https://www.postgresql.org/docs/current/protocol-message-formats.html
  if (/^E[^]{4}S[^\0]+\0/.test(text)) return 'postgresql'
  return 'other'
}

const MOST_BYTES = 65_536

function request(clientId: string): Buffer {
  const name = Buffer.from(clientId)
  const frame = Buffer.alloc(14 + name.length)
  frame.writeInt32BE(10 + name.length, 0)
  frame.writeInt16BE(API_VERSIONS, 4)
  frame.writeInt16BE(0, 6)
  frame.writeInt32BE(1, 8)
  frame.writeInt16BE(name.length, 12)
  name.copy(frame, 14)
  return frame
}

function readVersions(body: Buffer): ReadonlyMap<number, number> | null {
  // The correlation id, an error, and an array of key, oldest and newest version.
  const count = body.readInt32BE(6)
  if (body.readInt32BE(0) !== 1 || body.readInt16BE(4) !== 0 || body.length < 10 + 6 * count) return null
  return new Map(Array.from({ length: count }, (_, index) => [body.readInt16BE(10 + 6 * index), body.readInt16BE(14 + 6 * index)]))
}

function placeOf(address: string): { readonly host: string; readonly port: number } {
  const at = address.lastIndexOf(':')
  return { host: address.slice(0, at).replace(/^\[(.*)\]$/, '$1'), port: Number(address.slice(at + 1)) }
}

function tlsOptions({ ca, cert, key }: KafkaTls): ConnectionOptions {
  return {
    rejectUnauthorized: true,
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  }
}
