/** The text of a function without comments and line breaks: kafkajs's, which a patch was written for. */
export function functionText(code: { toString(): string }): string {
  return code
    .toString()
    .replaceAll(/\/\/.*/g, '')
    .replaceAll(/\s+/g, ' ')
}
