import { connect, type Socket } from 'node:net'

export type Direction = 'to-server' | 'to-client'

/**
 * What becomes of bytes that a client sent. `cut`: the server gets them, and then an end of the connection in order, while the client is
 * reset at once. `cut-before`: both ends are reset, and the server never gets them. `hold`: they wait, and all that the client says after
 * them, until `release`. `mute`: the server gets them, and nothing that it says reaches the client until `release`.
 */
export type ProxyAction = 'cut' | 'cut-before' | 'hold' | 'mute'

/** Sees bytes as they come, in pieces that TCP chose. */
export type OnClientBytes = (bytes: Buffer, connection: Watched) => ProxyAction | undefined

/** One connection, as a scenario sees it. */
export interface Watched {
  /** Counted from 1 in the order in which connections came. */
  readonly id: number
  /** Ends what `hold` or `mute` began. */
  release(): void
  reset(): void
}

/** What all connections of a proxy share, read again for every chunk. */
export interface Line {
  target: { readonly host: string; readonly port: number }
  /** A black hole: nothing is read or written at either end. */
  stuck: boolean
  latencyMs: number
  readonly look: OnClientBytes
}

/** The most that one direction of one connection holds back before it stops reading. Bytes. */
const MOST_HELD = 256 * 1024

/** A client's connection and the one made for it to the server. Half-closes are passed on, and so are resets. */
export class ProxiedConnection implements Watched {
  readonly id: number
  readonly #client: Socket
  readonly #line: Line
  #server: Socket | null = null
  #toServer: Pump | null = null
  #toClient: Pump | null = null
  readonly #cuts = new Map<Direction, number>()
  #over = false
  readonly #whenGone: () => void

  /** `client` is paused; `whenGone` is called when both ends are closed. */
  constructor(id: number, client: Socket, line: Line, whenGone: () => void) {
    this.id = id
    this.#whenGone = whenGone
    this.#client = client
    this.#line = line
    client.once('close', (failed) => this.#closed(failed))
    this.advance()
  }

  /** Whether the client's end is. */
  get open(): boolean {
    return !this.#client.destroyed
  }

  /** Looks again at what may be forwarded. */
  advance(): void {
    if (this.#over) return
    if (this.#line.stuck) {
      this.#toServer?.stop()
      this.#toClient?.stop()
      return
    }
    if (this.#server === null) this.#reach()
    this.#toServer?.advance()
    this.#toClient?.advance()
  }

  cutAfter(bytes: number, direction: Direction): void {
    this.#cuts.set(direction, bytes)
  }

  heal(): void {
    this.#cuts.clear()
    this.release()
  }

  release(): void {
    for (const pump of [this.#toServer, this.#toClient]) if (pump) pump.held = false
    this.advance()
  }

  reset(): void {
    this.#over = true
    this.#client.resetAndDestroy()
    this.#server?.resetAndDestroy()
  }

  #reach(): void {
    const server = connect({ ...this.#line.target, allowHalfOpen: true, noDelay: true })
    this.#server = server
    // The close that follows shows the error.
    server.on('error', () => undefined)
    server.pause()
    server.once('close', (failed) => this.#closed(failed))
    this.#toServer = new Pump(this.#client, server, this.#line, (bytes, judged) =>
      judged ? this.#pass(bytes, 'to-server', server) : this.#said(bytes, server),
    )
    this.#toClient = new Pump(server, this.#client, this.#line, (bytes) => this.#pass(bytes, 'to-client', this.#client))
  }

  /** One end is gone: after a failure the other is reset, after an end in order it still gets what is on its way. */
  #closed(failed: boolean): void {
    if (failed && !this.#over) this.reset()
    if (this.#client.destroyed && this.#server?.destroyed !== false) this.#whenGone()
  }

  /** False: not now. */
  #said(bytes: Buffer, server: Socket): boolean {
    switch (this.#line.look(bytes, this)) {
      case 'cut-before':
        this.reset()
        return false
      case 'cut':
        this.#over = true
        this.#client.resetAndDestroy()
        // Read to its end, or the server could not get rid of its answer.
        server.removeAllListeners('data')
        server.once('end', () => server.destroy()).resume()
        server.end(bytes)
        return false
      case 'hold':
        if (this.#toServer) this.#toServer.held = true
        return false
      case 'mute':
        if (this.#toClient) this.#toClient.held = true
        return this.#pass(bytes, 'to-server', server)
      case undefined:
        return this.#pass(bytes, 'to-server', server)
    }
  }

  #pass(bytes: Buffer, direction: Direction, to: Socket): boolean {
    const left = this.#cuts.get(direction)
    if (left === undefined || left > bytes.length) {
      if (left !== undefined) this.#cuts.set(direction, left - bytes.length)
      to.write(bytes)
      return true
    }
    this.#over = true
    if (left === 0) this.reset()
    else to.write(bytes.subarray(0, left), () => this.reset())
    return false
  }
}

/** One direction: takes what comes and gives it on when it is due, as fast as the other end reads. */
class Pump {
  /** Nothing goes on while it is true. */
  held = false
  readonly #from: Socket
  readonly #to: Socket
  readonly #line: Line
  readonly #forward: (bytes: Buffer, judged: boolean) => boolean
  readonly #waiting: { readonly bytes: Buffer; readonly at: number; judged: boolean }[] = []
  #size = 0
  #ended = false
  #timer: NodeJS.Timeout | null = null

  constructor(from: Socket, to: Socket, line: Line, forward: (bytes: Buffer, judged: boolean) => boolean) {
    this.#from = from
    this.#to = to
    this.#line = line
    this.#forward = forward
    from.on('data', (bytes: Buffer) => {
      this.#waiting.push({ bytes, at: performance.now(), judged: false })
      this.#size += bytes.length
      this.advance()
    })
    from.once('end', () => {
      this.#ended = true
      this.advance()
    })
    to.once('close', () => this.stop())
    to.on('drain', () => this.advance())
  }

  stop(): void {
    this.#from.pause()
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
  }

  advance(): void {
    if (this.#line.stuck || this.#to.destroyed) return
    this.#give()
    if (this.#waiting.length === 0 && this.#ended && !this.held) this.#to.end()
    if (this.held || this.#size >= MOST_HELD || this.#to.writableNeedDrain) this.#from.pause()
    else this.#from.resume()
  }

  #give(): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      if (this.held || this.#to.writableNeedDrain) return
      const early = next.at + this.#line.latencyMs - performance.now()
      if (early > 0) return this.#later(early)
      const { judged } = next
      next.judged = true
      if (!this.#forward(next.bytes, judged)) return
      this.#waiting.shift()
      this.#size -= next.bytes.length
    }
  }

  #later(ms: number): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = null
      this.advance()
    }, ms)
  }
}
