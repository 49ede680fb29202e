import { domainToASCII, domainToUnicode } from 'node:url'

/**
 * The canonical form by which mailboxes are compared: composed (NFC), lower case in every script, the domain in ASCII (RFC 5891). A
 * domain that cannot be converted stays as it is, in lower case.
 */
export function canonicalAddress(address: string): string {
  const { local, domain } = partsOf(address)
  return join(local, asciiOf(domain))
}

/**
 * All spellings under which a mailbox may be on record: the platform hashes addresses as written, and the database lowers letters by
 * its own locale. A plain ASCII address has only the canonical spelling.
 */
export function spellingsOf(address: string): readonly string[] {
  const canonical = canonicalAddress(address)
  // eslint-disable-next-line no-control-regex -- all of ASCII is meant
  if (/^[\x00-\x7f]*$/.test(address) && !/@.*\bxn--/i.test(address)) return [canonical]
  const { local, domain } = partsOf(address)
  const ascii = asciiOf(domain)
  const unicode = domainToUnicode(ascii) || domain
  // A database with the locale C lowers ASCII alone: JÖRG becomes jÖrg.
  const locals = [local, local.normalize('NFD'), upperBeyondAscii(local)]
  const domains = [ascii, unicode, unicode.normalize('NFD'), upperBeyondAscii(unicode)]
  const asWritten = address.replace(/[A-Z]/g, (letter) => letter.toLowerCase())
  return [...new Set([canonical, ...locals.flatMap((local) => domains.map((each) => join(local, each))), asWritten])]
}

/** Converts letters, digits, hyphens and dots only (the dots of other scripts included, RFC 3490, 3.1): domainToASCII decodes or drops anything else. */
function asciiOf(domain: string): string {
  return (/^[\p{L}\p{M}\p{N}.\u3002\uff0e\uff61-]+$/u.test(domain) && domainToASCII(domain)) || domain
}

function upperBeyondAscii(text: string): string {
  // eslint-disable-next-line no-control-regex -- all of ASCII is meant
  return text.replace(/[^\x00-\x7f]/g, (letter) => letter.toUpperCase())
}

function lower(text: string): string {
  return text.normalize('NFC').toLowerCase().normalize('NFC')
}

function partsOf(address: string): { readonly local: string; readonly domain: string } {
  const at = address.lastIndexOf('@')
  return { local: lower(address.slice(0, Math.max(at, 0))), domain: lower(address.slice(at + 1)) }
}

function join(local: string, domain: string): string {
  return local === '' ? domain : `${local}@${domain}`
}
