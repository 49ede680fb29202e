/** The event violates the catalogue and was not sent. The message names fields and rules, never values. */
export class InvalidEvent extends Error {
  override readonly name = 'InvalidEvent'
  /** As passed by the caller. */
  readonly type: string
  /** The fields, by the publisher's names, each with the rule it breaks. */
  readonly faults: string
  /** The first of these fields, such as `email` or `items/0/price`; of an event in a list it begins with its index, such as `3/email`. */
  readonly path: string

  /**
   * @param faults as returned by the catalogue, with the names used on the wire
   * @param index of the event in a list
   */
  constructor(type: string, faults: string, index?: number) {
    const named = faults.split('; ').map(inPublisherTerms).join('; ')
    super(`${type} was not published: ${named}${index === undefined ? '' : ` (event ${index} of the list)`}`)
    this.type = type
    this.faults = named
    const [field = ''] = named.split(/[ ,]/)
    this.path = index === undefined ? field : `${index}/${field}`
  }
}

/** Runs `encode` for the event at `index` of a list, which an {@link InvalidEvent} then names. */
export function inList<Result>(index: number, encode: () => Result): Result {
  try {
    return encode()
  } catch (error) {
    throw error instanceof InvalidEvent ? new InvalidEvent(error.type, error.faults, index) : error
  }
}

/** `/user_id breaks format` as `userId breaks format`, `/ breaks required: user_id` as `userId breaks required`. */
function inPublisherTerms(fault: string): string {
  if (!fault.includes(' breaks ')) return fault
  const missing = /^\/ breaks required: (.+)$/.exec(fault)?.[1]
  const text = missing === undefined ? fault.replace(/^\//, '') : `${missing} breaks required`
  return text.replaceAll(/[a-z]+(?:_[a-z]+)+/g, (name) => name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()))
}
