#!/usr/bin/env node
import { once } from 'node:events'
import { createServer } from 'node:http'
import { createServer as createTcpServer, type Server, type Socket } from 'node:net'
import { ArrivalRecord, monotonicMs, type Arrivals } from './arrivals.ts'
import { HttpConversation, type Post } from './http-conversation.ts'
import { SmtpConversation } from './smtp-conversation.ts'

/** What `GET /take` on the control port answers. */
export interface SinkReport {
  readonly mails: Arrivals
  readonly posts: Arrivals
  /** Replies of the relay and of the endpoints: how often a client waited for one. Several replies in one write are one. */
  readonly exchanges: { readonly smtp: number; readonly http: number }
  /** What the link took for a round trip, timers included, on average; milliseconds. */
  readonly roundTripMs: number
  /** Requests without a signature. */
  readonly unsigned: number
}

/** What `GET /counts` answers. */
export interface SinkCounts {
  readonly mails: number
  readonly posts: number
}

/** The first line of output. */
export interface SinkPorts {
  readonly smtp: number
  readonly http: number
  /** Further endpoints, each of an origin of its own. */
  readonly endpoints: readonly number[]
  readonly control: number
}

/**
 * A relay and endpoints that take everything, in a process of their own: their CPU is not the worker's. Until SIGTERM.
 *
 * Arguments: how long every byte takes in each direction, in milliseconds, and the number of further endpoints.
 */
const [oneWayMs = 0, furtherEndpoints = 0] = process.argv.slice(2).map(Number)
let [mails, posts, unsigned] = [new ArrivalRecord(), new ArrivalRecord(), 0]
let exchanges = { smtp: 0, http: 0 }
let linkMs = 0

const smtp = converse('smtp', () => {
  const conversation = new SmtpConversation((recipients, bytes) => {
    for (const recipient of recipients) mails.add(numberOf(/^person-(\d+)@/.exec(recipient)?.[1], 10), bytes)
  })
  return { greeting: conversation.greeting, take: (chunk) => conversation.take(chunk) }
})

const endpoint = () =>
  converse('http', () => {
    const conversation = new HttpConversation(receive)
    return { greeting: '', take: (chunk) => conversation.take(chunk) }
  })

const control = createServer((request, response) => {
  if (request.url === '/counts') {
    const counts: SinkCounts = { mails: mails.numbers.length, posts: posts.numbers.length }
    response.end(JSON.stringify(counts))
    return
  }
  const report: SinkReport = { mails, posts, exchanges, roundTripMs: linkMs / Math.max(1, exchanges.smtp + exchanges.http), unsigned }
  response.end(JSON.stringify(report))
  ;[mails, posts, unsigned] = [new ArrivalRecord(), new ArrivalRecord(), 0]
  exchanges = { smtp: 0, http: 0 }
  linkMs = 0
})

const others = Array.from({ length: furtherEndpoints }, endpoint)
const ports: SinkPorts = {
  smtp: await listen(smtp),
  http: await listen(endpoint()),
  endpoints: await Promise.all(others.map(listen)),
  control: await listen(control),
}
process.stdout.write(`${JSON.stringify(ports)}\n`)

function receive({ head, body }: Post): void {
  const marker = '"user_reward_id":"'
  const at = body.indexOf(marker)
  // The last twelve digits of an id count; see ids.ts.
  const id = at === -1 ? undefined : body.toString('latin1', at + marker.length + 24, at + marker.length + 36)
  posts.add(numberOf(id, 16), body.length)
  if (!/^webhook-signature: *v1,/im.test(head)) unsigned++
}

/** -1 for what carries no number: it was not expected. */
function numberOf(text: string | undefined, radix: number): number {
  const number = Number.parseInt(text ?? '', radix)
  return Number.isNaN(number) ? -1 : number
}

interface Conversation {
  readonly greeting: string
  take(chunk: Buffer): { readonly replies: string; readonly quit: boolean }
}

function converse(protocol: keyof SinkReport['exchanges'], begin: () => Conversation): Server {
  return createTcpServer({ noDelay: true }, (socket: Socket) => {
    const conversation = begin()
    if (conversation.greeting !== '') afterLink(() => socket.write(conversation.greeting))
    // A worker that is killed resets its connections.
    socket.on('error', () => socket.destroy())
    socket.on('data', (chunk: Buffer) => {
      const sentAt = monotonicMs()
      afterLink(() => {
        const { replies, quit } = conversation.take(chunk)
        if (replies === '') return
        afterLink(() => {
          exchanges[protocol] += 1
          linkMs += monotonicMs() - sentAt
          if (quit) socket.end(replies)
          else socket.write(replies)
        })
      })
    })
  })
}

/** Timers of the same length end in the order in which they began, so bytes stay in order. */
function afterLink(arrive: () => void): void {
  if (oneWayMs === 0) arrive()
  else setTimeout(arrive, oneWayMs)
}

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}
