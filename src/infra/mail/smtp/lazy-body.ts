import { Readable } from 'node:stream'

/**
 * A body that knows whether its end was read. The connection writes the final dot only after it has read the end, so while
 * `exhausted` is false no relay can have accepted the mail, whatever became of the connection. One that is held gives nothing until
 * it is let go.
 */
export class LazyBody extends Readable {
  /** The end was read: from here on the final dot may be on its way. */
  exhausted = false
  readonly #body: Uint8Array
  readonly #onFirstRead: () => void
  #offset = 0
  #held: boolean
  #isAwaited = false

  /** @param onFirstRead called before the first chunk is read; it must not read itself */
  constructor(body: Uint8Array, { held = false, onFirstRead = () => undefined }: { held?: boolean; onFirstRead?: () => void } = {}) {
    // A mark above 0 would let the stream read ahead, up to the end, although the connection behind it is stuck.
    super({ highWaterMark: 0 })
    this.#body = body
    this.#onFirstRead = onFirstRead
    this.#held = held
  }

  /** It is held, and the relay waits for it, or did so to the end. */
  get isAwaited(): boolean {
    return this.#isAwaited
  }

  /** Lets a held body go. */
  letGo(): void {
    this.#held = false
    if (!this.#isAwaited || this.destroyed) return
    this.#isAwaited = false
    this._read()
  }

  override _read(): void {
    if (this.#held) {
      this.#isAwaited = true
      return
    }
    if (this.#offset === 0) this.#onFirstRead()
    if (this.#offset < this.#body.length) {
      const chunk = this.#body.subarray(this.#offset, this.#offset + chunkBytes)
      this.#offset += chunk.length
      this.push(chunk)
    } else {
      this.exhausted = true
      this.push(null)
    }
  }
}

/** Most mails are one chunk, and so one write to the socket. */
const chunkBytes = 65_536
