/** How far back copies refer: in LZ4 by its format, in Snappy because every encoder works on blocks of 64 KiB. */
const HISTORY = 65_536
const PIECE = 65_536

/**
 * The most recent output of a decompressor in plain JavaScript, enough for its copies to refer to. Older output leaves the window as pieces,
 * which the decompressor yields.
 */
export class SlidingWindow {
  readonly #bytes: Buffer
  #end = 0
  #taken = 0
  /** Complete pieces that were not taken yet. */
  readonly pieces: Buffer[] = []

  /** @param size the size of the whole output, where it is known */
  constructor(size = Infinity) {
    this.#bytes = Buffer.allocUnsafe(Math.min(size, HISTORY + PIECE))
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
      for (let at = this.#end, end = at + now; at < end; at++) bytes[at] = bytes[at - distance] ?? 0
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

  #room(wanted: number): number {
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
