import { tlsFaultOf, tlsTrouble } from '../../../std/tls-fault.ts'
import type { TlsFault } from '../../../std/tls-fault.ts'
import type { ConnectStage, RelayTrouble } from '../../../delivery/email/mail-relay.ts'
import type { Answer } from './smtp-connection.ts'
import { enhancedCode } from './smtp-reply.ts'
import type { SmtpServer } from './smtp-url.ts'

export interface Trouble {
  readonly reason: RelayTrouble
  /** For the operator: names the relay, a code and the way out; never the relay's text, never the credentials. */
  readonly sentence: string
}

/** Why no connection could be opened, at which stage. */
export function troubleOf({ error, interrupted }: Answer<void>, stage: ConnectStage, server: SmtpServer): Trouble {
  if (interrupted === 'deadline') return silentAt(stage, server)
  const relay = `The SMTP relay at ${server.host}:${server.port}`
  const reply = error?.responseCode === undefined ? null : [error.responseCode, enhancedCode(error.response)].filter(Boolean).join(' ')
  if (error?.code === 'ENOAUTH') {
    const way = 'remove them, or turn on TLS or login at the relay'
    return { reason: 'relay-credentials-refused', sentence: `${relay} offers no login for the credentials in SMTP_URL; ${way}` }
  }
  if (error?.code === 'EAUTH' && reply !== null && (error.responseCode ?? 0) >= 500) return credentialsRefused(server, reply)
  if (error?.code === 'ETLS' && reply !== null) {
    const way = 'turn it on there, write smtps:// if it speaks TLS from the start, or set SMTP_REQUIRE_TLS=false to send in clear'
    return {
      reason: 'relay-tls-failed',
      sentence: `${relay} rejects STARTTLS (${reply}), and TLS is required; ${way}`,
    }
  }
  if (reply !== null) return { reason: 'relay-refuses-us', sentence: `${relay} rejects our connection (${reply}); its own log says why` }
  const fault = tlsFaultOf(error)
  if (fault !== null) {
    const trouble = tlsTrouble(fault, `the SMTP relay at ${server.host}:${server.port}`)
    return { reason: 'relay-tls-failed', sentence: `${trouble.charAt(0).toUpperCase()}${trouble.slice(1)}; ${wayOut(fault, server)}` }
  }
  const system = originalCode(error) ?? (error?.code === 'ESOCKET' || error?.code === undefined ? null : error.code)
  if (error?.code === 'ETLS') {
    const cause = safeCode(originalCode(error)) ?? 'STARTTLS failed'
    return { reason: 'relay-tls-failed', sentence: `${relay} cannot be reached over TLS (${cause}); check its certificate and SMTP_URL` }
  }
  const cause = safeCode(system) ?? 'it closes the connection'
  return { reason: 'relay-unreachable', sentence: `${relay} cannot be reached (${cause}); check SMTP_URL and that the relay runs` }
}

/** The relay does not answer at all. */
export function silentAt(stage: ConnectStage | 'mail', { host, port }: SmtpServer): Trouble {
  const sentence =
    stage === 'connect'
      ? `The SMTP relay at ${host}:${port} cannot be reached (no connection in time); check SMTP_URL, the network and that the relay runs`
      : `The SMTP relay at ${host}:${port} accepts connections but ${silence[stage]} in time; its own log may say why, and SMTP_CONNECT_DEADLINE_MS and MAIL_DEADLINE_MS give it more time`
  return { reason: `timeout-${stage}`, sentence }
}

const silence: Readonly<Record<Exclude<ConnectStage, 'connect'> | 'mail', string>> = {
  greeting: 'does not send a greeting',
  ehlo: 'does not answer EHLO',
  tls: 'does not finish the TLS handshake',
  auth: 'does not answer the login',
  mail: 'does not answer MAIL FROM',
}

function wayOut({ is }: TlsFault, { options }: SmtpServer): string {
  switch (is) {
    case 'untrusted': {
      const another = options.tls?.ca === undefined ? '' : ', which holds another one'
      return `give the certificate of the authority that signed it by SMTP_CA_FILE${another}`
    }
    case 'expired':
      return 'renew it at the relay, or correct the clock of this machine'
    case 'misnamed':
      return 'give SMTP_URL a host name that the certificate holds'
    case 'not-spoken':
      return 'write smtp:// for STARTTLS in SMTP_URL, or correct its port'
    case 'client-refused':
    case 'failed':
      return 'check SMTP_URL and the TLS settings of the relay'
  }
}

/** `code` with the enhanced code, as the relay gave them. */
export function credentialsRefused(server: SmtpServer, code: string): Trouble {
  const what = server.credentials === null ? 'requires a login and SMTP_URL has none' : 'rejects the credentials in SMTP_URL'
  const way = server.credentials === null ? 'write smtp://user:password@host:port' : 'correct the user or the password'
  return { reason: 'relay-credentials-refused', sentence: `The SMTP relay at ${server.host}:${server.port} ${what} (${code}); ${way}` }
}

/** nodemailer keeps the code of the system's error here, and puts its own in `code`. */
function originalCode(error: object | null): string | null {
  return error !== null && 'originalCode' in error && typeof error.originalCode === 'string' ? error.originalCode : null
}

function safeCode(code: string | null): string | null {
  return code !== null && /^[A-Z][A-Z0-9_]{2,60}$/.test(code) ? code : null
}
