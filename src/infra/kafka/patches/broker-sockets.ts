import net from 'node:net'
import type { Socket } from 'node:net'
import tls from 'node:tls'
import type { ISocketFactory } from 'kafkajs'

/**
 * Sockets that detect a dead peer. kafkajs never closes a half-open connection when a request times out (#919). Here a socket that is
 * written to and receives nothing for `idleMs`, or up to a quarter longer, is destroyed, and kafkajs reconnects with its next request. An
 * idle connection is closed in order and reported as no error.
 */
export function brokerSockets({ idleMs }: { idleMs: number }): ISocketFactory {
  return ({ host, port, ssl, onConnect }) => {
    const socket = ssl
      ? tls.connect({ host, port, ...(net.isIP(host) ? {} : { servername: host }), ...ssl }, onConnect)
      : net.connect({ host, port }, onConnect)
    socket.setKeepAlive(true, 30_000)
    socket.setNoDelay(true)
    closeWhenIdle(socket, idleMs)
    return socket
  }
}

/**
 * The socket's own timeout is not used, because every write restarts it and kafkajs keeps writing into a half-open connection. Besides,
 * kafkajs reports its event as an error, "Connection timeout", even when no request was waiting.
 */
function closeWhenIdle(socket: Socket, idleMs: number): void {
  let read = 0
  let written = 0
  /** Checks in a row without traffic, and without a response to a write. */
  let idleChecks = 0
  let unansweredChecks = 0
  const timer = setInterval(() => {
    const hasRead = socket.bytesRead !== read
    const hasWritten = socket.bytesWritten !== written
    idleChecks = hasRead || hasWritten ? 0 : idleChecks + 1
    // A write before a pause still has no response.
    unansweredChecks = hasRead || (!hasWritten && unansweredChecks === 0) ? 0 : unansweredChecks + 1
    ;[read, written] = [socket.bytesRead, socket.bytesWritten]
    if (unansweredChecks > CHECKS) socket.destroy(new Error('the broker has stopped answering'))
    // A live broker ends its side too, and kafkajs receives that; a dead one does not.
    else if (idleChecks === CHECKS) socket.end()
    else if (idleChecks > CHECKS) socket.destroy()
  }, idleMs / CHECKS)
  timer.unref()
  socket.once('close', () => clearInterval(timer))
}

const CHECKS = 4
