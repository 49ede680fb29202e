/** Text that should be an id or a name; `***` where it holds an address all the same. */
export function unlessAddress(text: string): string {
  return text.includes('@') ? '***' : text
}

/** An address that can be recognised but not used: the first letter of the mailbox, and the domain. Text without `@` is masked whole. */
export function maskedAddress(address: string): string {
  const at = address.lastIndexOf('@')
  return at < 1 ? '***' : `${String.fromCodePoint(address.codePointAt(0) ?? 0)}***${address.slice(at)}`
}
