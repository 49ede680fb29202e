/** How far back copies refer: in LZ4 by its format, in Snappy because every encoder works on blocks of 64 KiB. */
const HISTORY = 65_536
const PIECE = 65_536
const FIRST = 16_384
/** Shorter copies are faster by a loop. */
const SHORT_COPY = 24

/**
 * The most recent output of a decompressor in plain JavaScript, enough for its copies to refer to. Older output leaves the window as pieces,
 * which the decompressor yields.
 */
export class SlidingWindow {
  /** Grows up to the size of all, or of history and piece: most batches are small, and memory costs more than what is written to it. */
  #bytes: Buffer
  readonly #most: number
  #end = 0
  #taken = 0
  /** Complete pieces that were not taken yet. */
  readonly pieces: Buffer[] = []

  /** @param size the size of the whole output, where it is known */
  constructor(size = Infinity) {
    this.#most = Math.min(size, HISTORY + PIECE)
    this.#bytes = Buffer.allocUnsafe(Math.min(this.#most, FIRST))
  }

  literal(from: Buffer, start: number, length: number): void {
    if (start + length > from.length) throw new RangeError('a literal exceeds its block')
    for (let done = 0; done < length;) {
      const now = this.#room(length - done)
      from.copy(this.#bytes, this.#end, start + done, start + done + now)
      this.#end += now
      done += now
    }
  }

  copy(distance: number, length: number): void {
    if (distance === 0 || distance > Math.min(this.#end, HISTORY)) throw new RangeError('a copy refers to bytes outside the window')
    for (let left = length; left > 0;) {
      const now = this.#room(left)
      const bytes = this.#bytes
      // A copy may overlap its own output, which it then repeats.
      const from = this.#end - distance
      if (now > SHORT_COPY && now <= distance) bytes.copyWithin(this.#end, from, from + now)
      else for (let at = this.#end, end = at + now; at < end; at++) bytes[at] = bytes[at - distance] ?? 0
      this.#end += now
      left -= now
    }
  }

  /** Everything that was not taken yet. */
  take(): Buffer[] {
    if (this.#end > this.#taken) this.#emit()
    return this.pieces.splice(0)
  }

  #emit(): void {
    this.pieces.push(Buffer.from(this.#bytes.subarray(this.#taken, this.#end)))
    this.#taken = this.#end
  }

  #grow(): void {
    const grown = Buffer.allocUnsafe(Math.min(this.#most, 2 * this.#end))
    this.#bytes.copy(grown)
    this.#bytes = grown
  }

  #room(wanted: number): number {
    if (this.#end === this.#bytes.length && this.#end < this.#most) this.#grow()
    if (this.#end === this.#bytes.length) {
      if (this.#end < HISTORY) throw new RangeError('the output exceeds its stated size')
      this.#emit()
      this.#bytes.copyWithin(0, this.#end - HISTORY, this.#end)
      this.#end = HISTORY
      this.#taken = HISTORY
    }
    return Math.min(wanted, this.#bytes.length - this.#end)
  }
}
