/** The event violates the catalogue and was not sent. The message names fields and rules, never values. */
export class InvalidEvent extends Error {
  override readonly name = 'InvalidEvent'
  /** As passed by the caller. */
  readonly type: string
  /** The fields, by the publisher's names, each with the rule it breaks. */
  readonly faults: string

  /** @param faults as returned by the catalogue, with the names used on the wire */
  constructor(type: string, faults: string) {
    const named = faults.split('; ').map(inPublisherTerms).join('; ')
    super(`${type} was not published: ${named}`)
    this.type = type
    this.faults = named
  }
}

/** `/user_id breaks format` as `userId breaks format`, `/ breaks required: user_id` as `userId breaks required`. */
function inPublisherTerms(fault: string): string {
  if (!fault.includes(' breaks ')) return fault
  const missing = /^\/ breaks required: (.+)$/.exec(fault)?.[1]
  const text = missing === undefined ? fault.replace(/^\//, '') : `${missing} breaks required`
  return text.replaceAll(/[a-z]+(?:_[a-z]+)+/g, (name) => name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()))
}
