const endOfHeaders = Buffer.from('\r\n\r\n')

/**
 * Values of the named headers (lower case) of a raw message, unfolded (RFC 5322, 2.2.3) but not decoded; the first one where a name repeats.
 * Only the header block is looked at, whatever the message's size.
 */
export function mailHeaders(raw: Buffer, names: ReadonlySet<string>): Record<string, string> {
  const end = raw.indexOf(endOfHeaders)
  const block = raw.toString('latin1', 0, end < 0 ? raw.length : end)
  const found: Record<string, string> = {}
  for (const line of block.replaceAll(/\r\n(?=[ \t])/g, '').split('\r\n')) {
    const colon = line.indexOf(':')
    const name = line.slice(0, Math.max(colon, 0)).toLowerCase()
    if (names.has(name) && found[name] === undefined) found[name] = line.slice(colon + 1).trim()
  }
  return found
}
