import { domainToASCII } from 'node:url'

/** A bare address that reaches one mailbox, and its domain in ASCII. */
export interface MailAddress {
  readonly address: string
  readonly domain: string
}

/**
 * Reads `local@domain`; null for anything else. Stricter than RFC 5321: no quoted local parts, no address literals, no
 * comments and no blanks, so that all programs read the same mailbox. The domain becomes ASCII (RFC 5891); letters
 * beyond ASCII may stand in the local part (RFC 6531): such a mail goes only to a relay that offers SMTPUTF8.
 */
export function parseAddress(text: string): MailAddress | null {
  const at = text.lastIndexOf('@')
  const local = text.slice(0, Math.max(at, 0))
  if (!dotAtom.test(local) || Buffer.byteLength(local) > maxLocalBytes) return null
  const domain = asciiDomain(text.slice(at + 1))
  if (domain === null || local.length + domain.length + 1 > maxAddressLength) return null
  return { address: `${local}@${domain}`, domain: domain.toLowerCase() }
}

/** RFC 5321, 4.5.3.1: 64 octets of local part, 256 of path with its angle brackets. */
const maxLocalBytes = 64
const maxAddressLength = 254

/** `Dot-string` of RFC 5321 with the letters, marks and digits of RFC 6531. */
const dotAtom = /^[\w!#$%&'*+/=?^`{|}~\-\p{L}\p{M}\p{N}]+(?:\.[\w!#$%&'*+/=?^`{|}~\-\p{L}\p{M}\p{N}]+)*$/u

const label = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?'
/** The last label holds a letter, so `127.1` and the like are no domain. */
const hostName = new RegExp(`^(?:${label}\\.)*(?=[a-z0-9-]*[a-z])${label}$`, 'i')

function asciiDomain(text: string): string | null {
  // Anything but letters, digits, hyphens and dots is refused first: domainToASCII would quietly decode %61 and drop tabs.
  if (!/^[\p{L}\p{M}\p{N}.-]+$/u.test(text)) return null
  // eslint-disable-next-line no-control-regex -- all of ASCII is meant
  const domain = /^[\x00-\x7f]+$/.test(text) ? text : domainToASCII(text)
  return domain.length <= 253 && hostName.test(domain) ? domain : null
}
