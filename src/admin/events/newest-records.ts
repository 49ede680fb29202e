/** The newest of what is added, by time; holds about twice as many as are wanted, however many are added. */
export class Newest<Item extends { readonly timestamp: number }> {
  #items: Item[] = []
  #count = 0
  readonly #limit: number

  constructor(limit: number) {
    this.#limit = limit
  }

  add(item: Item): void {
    this.#count += 1
    this.#items.push(item)
    if (this.#items.length > 2 * this.#limit + 1_000) this.#items = this.items()
  }

  /** How many were added. */
  get count(): number {
    return this.#count
  }

  /** Oldest first. */
  items(): Item[] {
    return this.#items.toSorted((a, b) => a.timestamp - b.timestamp).slice(-this.#limit || this.#items.length)
  }
}
