/**
 * Whether an address matches one of the patterns, in which `*` stands for anything and capitals do not count
 * (`MAIL_ALLOWED_RECIPIENTS`); without patterns every address does. An address with letters beyond ASCII in its domain is
 * compared as it is written, so that no look-alike passes for a domain that was meant.
 */
export function allowedRecipients(patterns: readonly string[] | undefined): (address: string) => boolean {
  if (patterns === undefined) return () => true
  const expressions = patterns.map(expressionOf)
  return (address) => expressions.some((expression) => expression.test(address))
}

function expressionOf(pattern: string): RegExp {
  const parts = pattern.split('*').map((part) => part.replaceAll(/[\\^$.|?+()[\]{}/-]/g, '\\$&'))
  // Neither a line break in an address nor one behind it makes the rest of it go unseen.
  return new RegExp(`^${parts.join('[^]*')}$`, 'i')
}
