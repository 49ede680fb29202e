/** Why a TLS connection failed, classified by what an operator can do about it. */
export interface TlsFault {
  readonly is: 'untrusted' | 'expired' | 'misnamed' | 'not-spoken' | 'client-refused' | 'failed'
  /** Error code of Node or OpenSSL: capitals, digits, underscores and, in alerts of newer OpenSSL versions, a slash. */
  readonly code: string
}

/**
 * The TLS fault behind a connection error, or null when TLS is not involved. Clients wrap errors and keep the system's code as `code`,
 * `originalCode` or in a cause.
 */
export function tlsFaultOf(error: unknown): TlsFault | null {
  for (let depth = 0; error instanceof Error && depth < 10; error = error.cause, depth += 1) {
    for (const code of codesOf(error)) {
      const is = meaningOf(code)
      if (is !== null) return { is, code }
    }
  }
  return null
}

/** Describes the fault without the remedy: `the certificate of the relay has expired (CODE)`. */
export function tlsTrouble({ is, code }: TlsFault, whose: string): string {
  switch (is) {
    case 'untrusted':
      return `the certificate of ${whose} is not signed by a trusted authority (${code})`
    case 'expired':
      return `the certificate of ${whose} has expired or is not valid yet (${code})`
    case 'misnamed':
      return `the certificate of ${whose} is for another host name (${code})`
    case 'not-spoken':
      return `${whose} does not speak TLS on this port (${code})`
    case 'client-refused':
      return `${whose} refuses our client certificate, or the lack of one (${code})`
    case 'failed':
      return `the TLS handshake with ${whose} fails (${code})`
  }
}

function codesOf(error: Error): readonly string[] {
  const found: unknown[] = ['code' in error ? error.code : null, 'originalCode' in error ? error.originalCode : null]
  return found.filter((code): code is string => typeof code === 'string' && /^[A-Z][A-Z0-9_/]{2,80}$/.test(code))
}

/** https://nodejs.org/api/tls.html#x509-certificate-error-codes; alerts of the peer: RFC 8446 section 6.2, with OpenSSL's names. */
function meaningOf(code: string): TlsFault['is'] | null {
  if (UNTRUSTED.has(code)) return 'untrusted'
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID') return 'expired'
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID' || code === 'HOSTNAME_MISMATCH') return 'misnamed'
  if (/^ERR_SSL_(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|UNKNOWN_PROTOCOL|HTTP_REQUEST|RECORD_LAYER_FAILURE)$/.test(code))
    return 'not-spoken'
  if (/_ALERT_(CERTIFICATE_|BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|UNKNOWN_CA|NO_CERTIFICATE|ACCESS_DENIED)/.test(code))
    return 'client-refused'
  return /^ERR_(SSL|TLS)_|^EPROTO$|^CERT_|^CRL_|^INVALID_(CA|PURPOSE)$/.test(code) ? 'failed' : null
}

const UNTRUSTED = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  // Another authority with the same name.
  'CERT_SIGNATURE_FAILURE',
  'CERT_UNTRUSTED',
  'CERT_REJECTED',
  'CERT_CHAIN_TOO_LONG',
])
