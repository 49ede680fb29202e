/** What is wrong with a field of an event that is to be published. */
export interface Fault {
  /** By the publisher's names, such as `email` or `items/0/price`. */
  readonly path: string
  /** What follows the field in a sentence, such as `breaks format`; never a value. */
  readonly rule: string
}

/** The event violates the catalogue and was not sent. The message names fields and rules, never values. */
export class InvalidEvent extends Error {
  override readonly name = 'InvalidEvent'
  /** As passed by the caller. */
  readonly type: string
  /** The wrong fields, by the publisher's names, each with the rule it breaks: all of them, or at least the first eight. */
  readonly faults: string
  /**
   * The first of these fields, such as `email`. Within a field, names are those of the event: `items/0/unit_price`. Of an event in a list it
   * begins with its index, such as `3/email`.
   */
  readonly path: string

  /** @param index of the event in a list */
  constructor(type: string, faults: readonly Fault[], index?: number) {
    const named = [...new Set(faults.map(({ path, rule }) => `${path} ${rule}`))].join('; ')
    super(`${type} was not published: ${named}${index === undefined ? '' : ` (event ${index} of the list)`}`)
    this.type = type
    this.faults = named
    const [{ path } = { path: '' }] = faults
    this.path = index === undefined ? path : `${index}/${path}`
  }
}
