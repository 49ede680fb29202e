/** How far back the codecs refer: LZ4 by its format, Snappy because every encoder works on blocks of 64 KiB. */
const HISTORY = 65_536
const PIECE = 65_536

/**
 * What a codec in plain JavaScript has unpacked last: enough to copy from, however much there was before. What slides out of it comes as
 * pieces, which the codec gives out.
 */
export class SlidingWindow {
  readonly #bytes: Buffer
  #end = 0
  #given = 0
  /** Pieces that were filled and not given out yet. */
  readonly pieces: Buffer[] = []

  /** @param size of all that will be unpacked, where it is known */
  constructor(size = Infinity) {
    this.#bytes = Buffer.allocUnsafe(Math.min(size, HISTORY + PIECE))
  }

  literal(from: Buffer, start: number, length: number): void {
    if (start + length > from.length) throw new RangeError('a literal ends behind its block')
    for (let done = 0; done < length;) {
      const now = this.#room(length - done)
      from.copy(this.#bytes, this.#end, start + done, start + done + now)
      this.#end += now
      done += now
    }
  }

  copy(distance: number, length: number): void {
    if (distance === 0 || distance > Math.min(this.#end, HISTORY)) throw new RangeError('a copy refers to what is not there')
    for (let left = length; left > 0;) {
      const now = this.#room(left)
      const bytes = this.#bytes
      // A copy may overlap what it writes: it then repeats it.
      for (let at = this.#end, end = at + now; at < end; at++) bytes[at] = bytes[at - distance] ?? 0
      this.#end += now
      left -= now
    }
  }

  /** Everything that has not been given out. */
  take(): Buffer[] {
    if (this.#end > this.#given) this.#give()
    return this.pieces.splice(0)
  }

  #give(): void {
    this.pieces.push(Buffer.from(this.#bytes.subarray(this.#given, this.#end)))
    this.#given = this.#end
  }

  #room(wanted: number): number {
    if (this.#end === this.#bytes.length) {
      if (this.#end < HISTORY) throw new RangeError('more was packed than was said')
      this.#give()
      this.#bytes.copyWithin(0, this.#end - HISTORY, this.#end)
      this.#end = HISTORY
      this.#given = HISTORY
    }
    return Math.min(wanted, this.#bytes.length - this.#end)
  }
}
