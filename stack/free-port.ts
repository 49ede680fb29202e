import { once } from 'node:events'
import type { Server } from 'node:net'
import { createServer } from 'node:net'

/**
 * Ports of 127.0.0.1 that the operating system gave us a moment ago, all different. Another process may still take one before a server
 * binds it: the caller that starts the server tries again with others.
 */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer())
  try {
    // All are held open until the last is known, or the system could give the same port twice.
    return await Promise.all(servers.map(listen))
  } finally {
    await Promise.all(servers.map(async (server) => new Promise<void>((resolve) => server.close(() => resolve()))))
  }
}

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the operating system gave no port')
  return address.port
}
