/**
 * The time from the broker ending a membership to the following join. kafkajs rejoins when its next request is refused. If the broker had lost
 * the coordinator role only briefly and still accepts the membership, no request is refused and kafkajs never rejoins.
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

  /** A heartbeat succeeded. Returns true, and ends the wait, at the second: the first may have been in flight before. */
  onHeartbeat(): boolean {
    if (this.#beatsTaken === undefined) return false
    this.#beatsTaken += 1
    if (this.#beatsTaken < 2) return false
    this.end()
    return true
  }
}
