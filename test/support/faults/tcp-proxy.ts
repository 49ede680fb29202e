import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { ProxiedConnection, type Direction, type Line, type OnClientBytes } from './proxied-connection.ts'

/**
 * A line between clients and one server that breaks on demand. A fault applies to the connections that are open and to those that come,
 * unless said; `pass` heals all of them. Every promise resolves when the change is in force.
 */
export interface TcpProxy extends AsyncDisposable {
  /** On 127.0.0.1, the same through every fault. */
  readonly port: number
  readonly counters: {
    /** In total, those that were turned away included. */
    readonly accepted: number
    /** Not closed yet, as far as the proxy has looked: in a black hole it looks at nothing. */
    readonly open: number
  }
  /** How many connections were accepted in each second since 1970 that saw any. Refused ones reach nobody who could count them. */
  connectsPerSecond(): ReadonlyMap<number, number>
  /** Everything is forwarded at once; what a black hole held arrives late, as after a cable is plugged in again. */
  pass(): Promise<void>
  /** Nobody listens; open connections are reset. The port stays ours meanwhile. */
  refuse(): Promise<void>
  /** Connections are accepted or kept, and nothing is forwarded either way: no byte, no FIN, no RST. */
  blackHole(): Promise<void>
  /** Open connections are reset, and each new one as soon as it is made: a refusal that can be counted. */
  turnAway(): Promise<void>
  /** From now on every byte takes this long, in each direction; 0 ends that. */
  latency(ms: number): void
  /**
   * Both ends are reset when `bytes` of a direction have been forwarded: of the next connection that comes, or of each one, those
   * that are open counted from now on. 0: as soon as a byte comes, which is not forwarded.
   */
  cutAfter(bytes: number, direction: Direction, which: 'next' | 'each'): void
  /** RST to both ends of all connections. */
  reset(): void
  /** Another server answers at this address: open connections are reset, new ones go to `port`. */
  flipTarget(port: number): void
  /**
   * Shows what clients send before the server receives it; the returned function ends that. With several, the first that answers decides.
   */
  onClientBytes(look: OnClientBytes): () => void
}

export interface TcpProxyOptions {
  readonly target: { readonly host?: string; readonly port: number }
  /** One of the operating system's when left out. */
  readonly port?: number
}

export async function startTcpProxy(options: TcpProxyOptions): Promise<TcpProxy> {
  const connections = new Set<ProxiedConnection>()
  const looks = new Set<OnClientBytes>()
  const perSecond = new Map<number, number>()
  const line: Line = {
    target: { host: options.target.host ?? '127.0.0.1', port: options.target.port },
    stuck: false,
    latencyMs: 0,
    look: (bytes, connection) => {
      for (const look of looks) {
        const verdict = look(bytes, connection)
        if (verdict !== undefined) return verdict
      }
      return undefined
    },
  }
  let accepted = 0
  let turnsAway = false
  let cut: { readonly bytes: number; readonly direction: Direction; readonly which: 'next' | 'each' } | null = null

  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, (socket) => {
    accepted += 1
    const second = Math.floor(Date.now() / 1_000)
    perSecond.set(second, (perSecond.get(second) ?? 0) + 1)
    // The client is gone already; nothing to do.
    socket.on('error', () => undefined)
    if (turnsAway) return void socket.resetAndDestroy()
    const connection = new ProxiedConnection(accepted, socket, line, () => connections.delete(connection))
    connections.add(connection)
    if (cut === null) return
    connection.cutAfter(cut.bytes, cut.direction)
    if (cut.which === 'next') cut = null
  })
  const port = await listen(server, options.port ?? 0)
  let keeper: PortKeeper | null = null

  const reset = () => {
    for (const connection of connections) connection.reset()
  }
  const look = () => {
    for (const connection of connections) connection.advance()
  }
  async function listening(on: boolean): Promise<void> {
    if (on === server.listening) return
    if (on) {
      await listenAgain(server, port)
      keeper?.release()
      keeper = null
    } else {
      const closed = once(server, 'close')
      server.close()
      reset()
      await closed
      keeper = await keepPort(port)
    }
  }
  /** Changes of the listener are serialised. */
  let changes: Promise<void> = Promise.resolve()
  function change(to: { listen: boolean; stuck?: boolean; turnAway?: boolean }): Promise<void> {
    const next = changes.then(async () => {
      line.stuck = to.stuck ?? false
      turnsAway = to.turnAway ?? false
      await listening(to.listen)
      if (turnsAway) reset()
      look()
    })
    changes = next.catch(() => undefined) // Its caller gets the error; the next change does not depend on it.
    return next
  }

  return {
    port,
    counters: {
      get accepted() {
        return accepted
      },
      get open() {
        return [...connections].filter((connection) => connection.open).length
      },
    },
    connectsPerSecond: () => new Map(perSecond),
    pass: () => {
      line.latencyMs = 0
      cut = null
      for (const connection of connections) connection.heal()
      return change({ listen: true })
    },
    refuse: () => change({ listen: false }),
    blackHole: () => change({ listen: true, stuck: true }),
    turnAway: () => change({ listen: true, turnAway: true }),
    latency: (ms) => {
      line.latencyMs = ms
      look()
    },
    cutAfter: (bytes, direction, which) => {
      cut = { bytes, direction, which }
      if (which === 'each') for (const connection of connections) connection.cutAfter(bytes, direction)
    },
    reset,
    flipTarget: (to) => {
      line.target = { ...line.target, port: to }
      reset()
    },
    onClientBytes: (listener) => {
      looks.add(listener)
      return () => looks.delete(listener)
    },
    [Symbol.asyncDispose]: async () => {
      await change({ listen: false })
      keeper?.release()
    },
  }
}

async function listen(server: Server, port: number): Promise<number> {
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port')
  return address.port
}

/** The socket of a keeper, or of a connection that has just gone, may be in the way for a moment. */
async function listenAgain(server: Server, port: number): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await listen(server, port)
      return
    } catch (cause) {
      if (attempt === 20) throw cause
      await pause(50)
    }
  }
}

interface PortKeeper {
  release(): void
}

/**
 * Reserves a port while nothing listens on it: a connection of our own uses it as its local port. Connections to it are refused all the
 * same, because only a listener accepts them.
 */
async function keepPort(port: number): Promise<PortKeeper> {
  const other = createServer({ pauseOnConnect: true })
  const accepted: Socket[] = []
  other.on('connection', (socket) => accepted.push(socket.on('error', () => undefined)))
  const to = await listen(other, 0)
  const socket = connect({ host: '127.0.0.1', port: to, localAddress: '127.0.0.1', localPort: port })
  // Nothing is sent either way, so nothing can fail that somebody would miss.
  socket.on('error', () => undefined)
  await Promise.race([once(socket, 'connect'), once(socket, 'close')])
  return {
    release: () => {
      socket.resetAndDestroy()
      for (const one of accepted) one.destroy()
      other.close()
    },
  }
}
