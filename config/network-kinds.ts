import { isIP } from 'node:net'
import type { Kind, Parsed } from './variable.ts'
import { splitList } from './text-kinds.ts'

/** `host:port` pairs separated by commas; an IPv6 host in brackets. */
export const hostPorts: Kind<readonly string[]> = {
  expects: 'host:port pairs separated by commas, such as kafka-1.example.com:9092,kafka-2.example.com:9092',
  parse: (text) => {
    const pairs = splitList(text)
    if (pairs.length === 0) return { wrong: 'names no broker' }
    const wrong = pairs.map(wrongWithPair).find((wrong) => wrong !== null)
    return wrong ? { wrong } : { value: pairs }
  },
}

function wrongWithPair(pair: string): string | null {
  if (pair.includes('://')) return 'has a scheme (://), where only host:port belongs'
  // kafkajs takes what stands before the first colon for the host.
  if (pair.startsWith('[') || isIP(pair) === 6)
    return 'holds an IPv6 address, which the Kafka client cannot dial: give the broker a host name that resolves to it'
  const parts = /^([^:[\]\s/@]+)(?::(\d+))?$/.exec(pair)
  if (!parts) return 'holds a part that is not host:port'
  const [, , port] = parts
  if (port === undefined) return 'has a host without a port'
  return Number(port) >= 1 && Number(port) <= 65_535 ? null : 'has a port outside 1 to 65535'
}

/**
 * A URL with a host and one of these schemes, kept as it was written. User and password must be percent-encoded where they
 * hold reserved characters. Nothing of the URL is quoted in a complaint.
 */
export function serverUrl(schemes: readonly string[], example: string): Kind<string> {
  return {
    expects: `a URL such as ${example}`,
    parse: (text) => {
      const wrong = wrongWithUrl(text, schemes)
      return wrong === null ? { value: text } : { wrong }
    },
  }
}

function wrongWithUrl(text: string, schemes: readonly string[]): string | null {
  if (!schemes.some((scheme) => text.toLowerCase().startsWith(`${scheme}://`))) {
    return `does not begin with ${schemes.map((scheme) => `${scheme}://`).join(' or ')}`
  }
  const url = URL.parse(text)
  if (!url) return 'cannot be read as a URL (reserved characters in user and password are written percent-encoded)'
  if (url.hash !== '') return 'holds a bare # (in a password it is written %23)'
  if (url.hostname === '' && !url.searchParams.has('host')) return 'has no host'
  try {
    decodeURIComponent(url.username)
    decodeURIComponent(url.password)
  } catch {
    // The only error here is a malformed escape, and its message would quote nothing that helps.
    return 'holds a bare % in user or password (it is written %25)'
  }
  return null
}

/** An http(s) URL with `{placeholder}`, which is filled in. */
export function urlTemplate(placeholder: string, example: string): Kind<string> {
  return {
    expects: `an http(s) URL that holds {${placeholder}}, such as ${example}`,
    parse: (text) => {
      const parts = text.split(`{${placeholder}}`)
      if (parts.length === 1) return { wrong: `does not hold {${placeholder}}` }
      const url = URL.parse(parts.join('x'))
      return url && /^https?:$/.test(url.protocol) ? { value: text } : { wrong: 'is not an http(s) URL' }
    },
  }
}

/** The one-click unsubscribe URL. RFC 8058 requires https and a URL that identifies the recipient. */
export const unsubscribeUrl: Kind<string> = {
  expects: 'an https URL that holds {user_id}, such as https://example.com/unsubscribe?user={user_id}&signature={signature}',
  parse: (text) => {
    if (!text.includes('{user_id}')) return { wrong: 'does not hold {user_id}' }
    const filled = text.replaceAll(/\{(?:user_id|campaign_id|signature)\}/g, 'x')
    const unknown = /\{[^}]*\}/.exec(filled)
    if (unknown) return { wrong: `holds ${unknown[0]}, which is not a known placeholder` }
    // It is written into a header, between angle brackets.
    if (!/^[\x21-\x7e]+$/.test(filled) || /[<>"]/.test(filled)) return { wrong: 'holds a character that a URL writes percent-encoded' }
    return URL.parse(filled)?.protocol === 'https:' ? { value: text } : { wrong: 'is not an https URL' }
  },
}

/** One mailbox. */
export interface Mailbox {
  readonly address: string
  readonly name?: string
}

/** `address@host` or `Name <address@host>`; exactly one, because a comma would name two senders. */
export const mailbox: Kind<Mailbox> = {
  expects: 'one address, such as news@example.com or Example News <news@example.com>',
  parse: (text): Parsed<Mailbox> => {
    const parts = /^(?:"?([^"<>]*?)"?\s*<([^<>]+)>|([^<>]+))$/.exec(text)
    const address = parts?.[2] ?? parts?.[3] ?? ''
    const name = parts?.[1] ?? ''
    if (!/^[^\s@,;:"()<>]+@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(address)) return { wrong: 'is not one mail address' }
    return { value: name === '' ? { address } : { address, name } }
  },
}
