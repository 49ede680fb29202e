/**
 * The time from the broker's word that a membership is over to the join that follows. kafkajs joins when its own next request is refused;
 * where a broker was no coordinator for a moment, and is one again that takes the membership as it was, none is, and nothing leads to a join.
 */
export class AwaitedJoin {
  #beatsTaken: number | undefined

  get isAwaited(): boolean {
    return this.#beatsTaken !== undefined
  }

  begin(): void {
    this.#beatsTaken = 0
  }

  end(): void {
    this.#beatsTaken = undefined
  }

  /** A heartbeat was taken. True, and the end of waiting, once that shows that the membership goes on: one may have been under way. */
  beatTaken(): boolean {
    if (this.#beatsTaken === undefined) return false
    this.#beatsTaken += 1
    if (this.#beatsTaken < 2) return false
    this.end()
    return true
  }
}
