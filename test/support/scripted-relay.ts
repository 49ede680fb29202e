import { once } from 'node:events'
import type { Socket } from 'node:net'
import { createServer } from 'node:net'

/** What the relay does instead of its usual reply: a line, or anything with the socket (drip, cut, nothing). */
export type Act = string | ((socket: Socket) => void) | undefined

export interface Script {
  readonly extensions?: readonly string[]
  readonly greeting?: Act
  /** By the first word of the command, upper case, and `DOT` for the end of a message. */
  readonly replies?: Readonly<Record<string, Act>>
  /** Called with each chunk of a message before its end. */
  readonly body?: (socket: Socket, received: number) => void
}

export interface ScriptedRelay {
  readonly port: number
  readonly commands: readonly string[]
  /** Messages whose end was read, dots still stuffed. */
  readonly messages: readonly string[]
  connections(): number
  open(): number
  stop(): Promise<void>
}

/** A raw SMTP server for what a well-behaved library cannot be made to do: replies in the wrong place, drips, cuts at a byte. */
export async function startScriptedRelay(script: Script = {}): Promise<ScriptedRelay> {
  const commands: string[] = []
  const messages: string[] = []
  const sockets = new Set<Socket>()
  let count = 0
  const server = createServer((socket) => {
    count += 1
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => undefined)
    converse(socket, script, commands, messages)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    port: address.port,
    commands,
    messages,
    connections: () => count,
    open: () => sockets.size,
    stop: async () => {
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

function converse(socket: Socket, script: Script, commands: string[], messages: string[]): void {
  let buffered = ''
  let inData = false
  const act = (what: Act, usual: string) => {
    if (typeof what === 'function') what(socket)
    else socket.write(`${what ?? usual}\r\n`)
  }
  act(script.greeting, '220 relay.example.com ESMTP')
  socket.on('data', (chunk: Buffer) => {
    buffered += chunk.toString('latin1')
    for (;;) {
      if (inData) {
        const end = buffered.indexOf('\r\n.\r\n')
        if (end < 0) {
          script.body?.(socket, buffered.length)
          return
        }
        messages.push(buffered.slice(0, end + 2))
        buffered = buffered.slice(end + 5)
        inData = false
        act(script.replies?.['DOT'], '250 2.0.0 Ok: queued as 4XyZ01abc')
        continue
      }
      const end = buffered.indexOf('\r\n')
      if (end < 0) return
      const line = buffered.slice(0, end)
      buffered = buffered.slice(end + 2)
      commands.push(line)
      const verb = (line.split(' ')[0] ?? '').toUpperCase()
      const reply = script.replies?.[verb]
      if (verb === 'DATA' && (reply === undefined || (typeof reply === 'string' && reply.startsWith('354')))) inData = true
      act(reply, usual(verb, script.extensions ?? []))
      if (verb === 'QUIT') socket.end()
    }
  })
}

function usual(verb: string, extensions: readonly string[]): string {
  if (verb === 'EHLO')
    return ['relay.example.com', ...extensions].map((line, i, all) => `250${i + 1 < all.length ? '-' : ' '}${line}`).join('\r\n')
  if (verb === 'DATA') return '354 go on'
  if (verb === 'AUTH') return '235 2.7.0 welcome'
  if (verb === 'QUIT') return '221 bye'
  return '250 2.0.0 Ok'
}
