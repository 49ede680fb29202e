import type { SMTPConnectionOptions } from 'nodemailer/lib/smtp-connection'
import { OperatorError } from '../../../std/failure.ts'
import { isLoopback } from '../../../std/loopback.ts'

/** Where the relay is and how to speak to it. */
export interface SmtpServer {
  readonly host: string
  readonly port: number
  readonly credentials: { readonly user: string; readonly pass: string } | null
  /** As nodemailer takes them: `secure`, `requireTLS`, `ignoreTLS`, `name`, `tls`. */
  readonly options: SMTPConnectionOptions
}

/** What is said about TLS beside the URL. */
export interface RelayTls {
  /** SMTP_REQUIRE_TLS. Absent: where the URL says nothing either, TLS is required when a login would go to another machine. */
  readonly requireTls?: boolean | undefined
  /** Authorities instead of the public ones, PEM. */
  readonly ca?: string | undefined
}

/**
 * Reads `SMTP_URL`: `smtp://user:password@host:port` (STARTTLS, see {@link RelayTls}) or `smtps://` (TLS from the start), with the options
 * `requireTLS`, `ignoreTLS`, `name` (what we call ourselves), `tls.rejectUnauthorized` and `tls.servername` behind a `?`.
 *
 * @throws {OperatorError} one sentence that holds no part of the URL, which may carry the password.
 */
export function parseSmtpUrl(text: string, beside: RelayTls = {}): SmtpServer {
  if (!URL.canParse(text)) throw new OperatorError('SMTP_URL is not a URL; write smtp://user:password@host:port')
  const url = new URL(text)
  if (url.protocol !== 'smtp:' && url.protocol !== 'smtps:') throw new OperatorError('SMTP_URL must begin with smtp:// or smtps://')
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  if (host === '') throw new OperatorError('SMTP_URL names no host; write smtp://host:port')
  if (url.pathname !== '' && url.pathname !== '/') throw new OperatorError('SMTP_URL has a path; a relay has none, so remove it')
  if ((url.username === '') !== (url.password === '')) {
    throw new OperatorError(
      'SMTP_URL needs both a user and a password, or neither; write % signs and other special characters as %25 and so on',
    )
  }
  const secure = url.protocol === 'smtps:'
  const { tls, requireTLS, ...own } = queryOptions(url.searchParams)
  const required = requiresTls({ requireTls: beside.requireTls, inUrl: requireTLS, ignored: own.ignoreTLS === true }, url)
  return {
    host,
    port: url.port === '' ? (secure ? 465 : 587) : Number(url.port),
    credentials: url.username === '' ? null : { user: decoded(url.username), pass: decoded(url.password) },
    options: { secure, ...own, requireTLS: required && !secure, tls: { ...tls, ...(beside.ca === undefined ? {} : { ca: beside.ca }) } },
  }
}

/**
 * Without TLS, a login and every address can be read on the way to the relay, and an attacker there can remove STARTTLS from the offer.
 * That does not apply to a relay on this machine.
 */
function requiresTls(
  { requireTls, inUrl, ignored }: { requireTls: boolean | undefined; inUrl: boolean | undefined; ignored: boolean },
  url: URL,
): boolean {
  if (requireTls !== undefined && inUrl !== undefined && requireTls !== inUrl) {
    throw new OperatorError('SMTP_REQUIRE_TLS and requireTLS in SMTP_URL say different things; leave one of them out')
  }
  const said = requireTls ?? inUrl
  const required = said ?? (url.username !== '' && !isLoopback(url.hostname))
  if (!required || !ignored) return required
  throw new OperatorError(
    said === undefined
      ? 'SMTP_URL has ignoreTLS and a login, which would go over the network in clear; remove ignoreTLS, or set SMTP_REQUIRE_TLS=false where that is meant'
      : 'SMTP_URL has ignoreTLS although TLS is required; remove one of them',
  )
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new OperatorError('SMTP_URL holds a % sign in its user or password that encodes nothing; write it as %25')
  }
}

const flags = ['requireTLS', 'ignoreTLS', 'tls.rejectUnauthorized']
const texts = ['name', 'tls.servername']

interface QueryOptions {
  readonly requireTLS?: boolean
  readonly ignoreTLS?: boolean
  readonly name?: string
  readonly tls?: { readonly rejectUnauthorized?: boolean; readonly servername?: string }
}

function queryOptions(query: URLSearchParams): QueryOptions {
  const found = new Map<string, string | boolean>()
  for (const [name, value] of query) {
    if (flags.includes(name)) {
      if (value !== 'true' && value !== 'false') throw new OperatorError(`SMTP_URL: ${name} must be true or false`)
      found.set(name, value === 'true')
    } else if (texts.includes(name) && /^[\w.:[\]-]{1,253}$/.test(value)) {
      found.set(name, value)
    } else {
      throw new OperatorError(
        `SMTP_URL has an option that is unknown or not well-formed; the options are ${[...flags, ...texts].join(', ')}`,
      )
    }
  }
  const tls = Object.fromEntries([...found].filter(([name]) => name.startsWith('tls.')).map(([name, value]) => [name.slice(4), value]))
  const own = Object.fromEntries([...found].filter(([name]) => !name.startsWith('tls.')))
  return { ...own, ...(Object.keys(tls).length > 0 ? { tls } : {}) }
}
