import net from 'node:net'
import type { Socket } from 'node:net'
import tls from 'node:tls'
import type { ISocketFactory } from 'kafkajs'

/**
 * Sockets that notice a dead peer. kafkajs never closes a half-open connection when a request times out (#919): after `idleMs`, or up to a
 * quarter longer, without an answer to what is written the socket goes, and kafkajs connects again with its next request. One on which
 * nothing is said at all is closed in order, which is no fault.
 */
export function brokerSockets({ idleMs }: { idleMs: number }): ISocketFactory {
  return ({ host, port, ssl, onConnect }) => {
    const socket = ssl
      ? tls.connect({ host, port, ...(net.isIP(host) ? {} : { servername: host }), ...ssl }, onConnect)
      : net.connect({ host, port }, onConnect)
    socket.setKeepAlive(true, 30_000)
    socket.setNoDelay(true)
    endWhenQuiet(socket, idleMs)
    return socket
  }
}

/**
 * Not by the socket's own timeout: every write begins that anew, and kafkajs goes on writing into a connection whose other end is gone; and
 * kafkajs calls its event an error, "Connection timeout", though nobody waited for anything.
 */
function endWhenQuiet(socket: Socket, idleMs: number): void {
  let heard = 0
  let written = 0
  const quiet = { checks: 0, silent: 0 }
  const timer = setInterval(() => {
    const hears = socket.bytesRead !== heard
    const writes = socket.bytesWritten !== written
    quiet.checks = hears || writes ? 0 : quiet.checks + 1
    // What was written before a pause is still not answered.
    quiet.silent = hears || (!writes && quiet.silent === 0) ? 0 : quiet.silent + 1
    ;[heard, written] = [socket.bytesRead, socket.bytesWritten]
    if (quiet.silent > CHECKS) socket.destroy(new Error('the broker has stopped answering'))
    // The broker answers the end by its own, which kafkajs hears; one that is gone does not.
    else if (quiet.checks === CHECKS) socket.end()
    else if (quiet.checks > CHECKS) socket.destroy()
  }, idleMs / CHECKS)
  timer.unref()
  socket.once('close', () => clearInterval(timer))
}

const CHECKS = 4
