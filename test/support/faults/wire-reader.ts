/** Reads the fields of Kafka's binary schemas one after the other. `flexible`: lengths are varints and one too high, and tagged fields follow. */
export class WireReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  int16(): number {
    return this.#bytes.readInt16BE(this.#move(2))
  }

  int32(): number {
    return this.#bytes.readInt32BE(this.#move(4))
  }

  /** @throws {RangeError} beyond what a number can say exactly; no offset or time of a test is */
  int64(): number {
    const value = this.#bytes.readBigInt64BE(this.#move(8))
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new RangeError(`${value} is no safe number`)
    return Number(value)
  }

  string(flexible = false): string | null {
    return this.#sized(flexible ? this.#varint() - 1 : this.int16())?.toString('utf8') ?? null
  }

  bytes(flexible = false): Buffer | null {
    return this.#sized(flexible ? this.#varint() - 1 : this.int32())
  }

  array<Element>(read: () => Element, flexible = false): Element[] {
    const length = flexible ? this.#varint() - 1 : this.int32()
    return Array.from({ length: Math.max(0, length) }, read)
  }

  /** Skips what later versions of a schema may have added. */
  tags(flexible: boolean): void {
    if (!flexible) return
    for (let left = this.#varint(); left > 0; left--) {
      this.#varint()
      this.#move(this.#varint())
    }
  }

  #sized(length: number): Buffer | null {
    if (length < 0) return null
    const from = this.#move(length)
    return this.#bytes.subarray(from, from + length)
  }

  #varint(): number {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = this.#bytes.readUInt8(this.#move(1))
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return value >>> 0
    }
  }

  #move(by: number): number {
    const from = this.#at
    this.#at += by
    return from
  }
}
