import { canonicalAddress } from '../std/address-spelling.ts'

/**
 * Whether an address matches one of the patterns, in which `*` stands for anything (`MAIL_ALLOWED_RECIPIENTS`); without patterns
 * every address does. Both are compared in their canonical form, in which a look-alike is another domain than the one meant.
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
  // A domain with a wildcard in it is none; what stands between wildcards is compared as it is then.
  const parts = canonicalAddress(pattern)
    .split('*')
    .map((part) => part.replaceAll(/[\\^$.|?+()[\]{}/-]/g, '\\$&'))
  // Neither a line break in an address nor one behind it makes the rest of it go unseen.
  return new RegExp(`^${parts.join('[^]*')}$`, 'i')
}
