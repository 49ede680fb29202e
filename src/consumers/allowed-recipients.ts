import { canonicalAddress } from '../std/address-spelling.ts'

/**
 * Whether an address matches one of the patterns of `MAIL_ALLOWED_RECIPIENTS`, in which `*` stands for anything; without patterns every
 * address does. Both are compared in canonical form, in which a look-alike domain differs from the one it imitates.
 */
export function allowedRecipients(patterns: readonly string[] | undefined): (address: string) => boolean {
  if (patterns === undefined) return () => true
  const expressions = patterns.map(expressionOf)
  return (address) => {
    const canonical = canonicalAddress(address)
    return expressions.some((expression) => expression.test(canonical))
  }
}

function expressionOf(pattern: string): RegExp {
  // A domain with a wildcard has no canonical form; its text between the wildcards is compared as it is.
  const parts = canonicalAddress(pattern)
    .split('*')
    .map((part) => part.replaceAll(/[\\^$.|?+()[\]{}/-]/g, '\\$&'))
  // A line break in or behind an address must not hide the rest of it.
  return new RegExp(`^${parts.join('[^]*')}$`, 'i')
}
