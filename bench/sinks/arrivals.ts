/** What has arrived at a sink: for each arrival the number that its address or body carries, and when. */
export interface Arrivals {
  readonly numbers: readonly number[]
  /** Milliseconds by the machine's monotonic clock, the same for all processes; see {@link monotonicMs}. */
  readonly at: readonly number[]
  /** Of all messages or bodies together. */
  readonly bytes: number
}

/** CLOCK_MONOTONIC, which processes on one machine share, unlike `performance.now()`. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6
}

export class ArrivalRecord implements Arrivals {
  readonly numbers: number[] = []
  readonly at: number[] = []
  bytes = 0

  add(number: number, bytes: number): void {
    this.numbers.push(number)
    this.at.push(monotonicMs())
    this.bytes += bytes
  }
}
