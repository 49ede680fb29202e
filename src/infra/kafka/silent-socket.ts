import type { Socket } from 'node:net'

/**
 * Destroys a socket that is written to and gives nothing back for `silentMs`, or up to a quarter longer. Its own timeout does not
 * do that: every write begins it anew, and kafkajs goes on writing into a connection whose other end is gone (#919).
 */
export function endWhenSilent(socket: Socket, silentMs: number): void {
  let heard = 0
  let written = 0
  let silentChecks = 0
  const timer = setInterval(() => {
    if (socket.bytesRead !== heard || socket.bytesWritten === written) {
      heard = socket.bytesRead
      written = socket.bytesWritten
      silentChecks = 0
      return
    }
    silentChecks += 1
    if (silentChecks >= CHECKS) socket.destroy(new Error('the broker has stopped answering'))
  }, silentMs / CHECKS)
  timer.unref()
  socket.once('close', () => clearInterval(timer))
}

const CHECKS = 4
