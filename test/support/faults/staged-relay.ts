import type { Socket } from 'node:net'
import { startScriptedRelay } from '../scripted-relay.ts'
import type { Recorder } from './recorder.ts'

/** Stages before the body of a mail. `EHLO` to `DATA` are the commands that get the reply. */
export const earlyStages = ['greeting', 'EHLO', 'AUTH', 'MAIL', 'RCPT', 'DATA'] as const
export type EarlyStage = (typeof earlyStages)[number]

/** An endless reply, byte by byte. */
export const DRIP = 'drip'

export interface Wrong {
  readonly stage: EarlyStage
  /** A reply line, and after a 421 the end of the connection; or {@link DRIP}. */
  readonly reply: string
}

/**
 * A relay that accepts no mail: at one stage of each connection it sends the chosen reply, before that the usual ones. Rejected
 * recipients are recorded. It replaces the fixture's relay (`proxies.smtp.flipTarget`), which cannot fail at every stage.
 */
export interface StagedRelay extends AsyncDisposable {
  readonly port: number
  /** Connections since `failWith` that have ended. */
  readonly left: number
  /** The chosen replies sent since `failWith`, and how often. */
  readonly said: ReadonlyMap<string, number>
  /** From now on `choose` returns the stage and the reply for each connection, counted from 0. */
  misbehave(choose: (connection: number) => Wrong): void
}

const DRIP_MS = 50

export async function startStagedRelay(recorder: Recorder): Promise<StagedRelay> {
  const said = new Map<string, number>()
  const plans = new WeakMap<Socket, Wrong>()
  /** A dripping connection sends nothing else, even if the client pipelines commands. */
  const dripping = new WeakSet<Socket>()
  let connections = 0
  let left = 0
  let choose: Parameters<StagedRelay['misbehave']>[0] = closed

  const at = (stage: EarlyStage, usual: string) => (socket: Socket) => {
    const plan = plans.get(socket) ?? planFor(socket)
    if (dripping.has(socket)) return
    if (stage === 'RCPT') refused(plan)
    if (plan.stage !== stage) return void socket.write(`${usual}\r\n`)
    said.set(plan.reply, (said.get(plan.reply) ?? 0) + 1)
    if (plan.reply === DRIP) drip(socket, dripping)
    else if (plan.reply.startsWith('421')) socket.end(`${plan.reply}\r\n`)
    else socket.write(`${plan.reply}\r\n`)
  }
  const relay = await startScriptedRelay({
    extensions: ['PIPELINING', 'AUTH PLAIN'],
    greeting: at('greeting', '220 relay.example.com ESMTP'),
    replies: {
      EHLO: at('EHLO', '250-relay.example.com\r\n250-PIPELINING\r\n250 AUTH PLAIN'),
      AUTH: at('AUTH', '235 2.7.0 welcome'),
      MAIL: at('MAIL', '250 2.1.0 Ok'),
      RCPT: at('RCPT', '250 2.1.5 Ok'),
      // Never 354, so that no client sends a message.
      DATA: at('DATA', '503 5.5.1 nobody to send to'),
    },
  })

  function planFor(socket: Socket): Wrong {
    const plan = choose(connections++)
    const chosen = choose
    plans.set(socket, plan)
    socket.once('close', () => {
      if (chosen === choose) left += 1
    })
    return plan
  }

  /** A client that pipelines sends its recipient before it receives the reply to the sender. */
  function refused({ stage, reply }: Wrong): void {
    const recipient = /<(.*)>/.exec(relay.commands.at(-1) ?? '')?.[1]
    if (reply === DRIP || recipient === undefined || !['MAIL', 'RCPT', 'DATA'].includes(stage)) return
    recorder.record({ is: 'refused', at: Date.now(), recipient, reply: Number(reply.slice(0, 3)) })
  }

  return {
    port: relay.port,
    get left() {
      return left
    },
    said,
    misbehave(next) {
      choose = next
      connections = 0
      left = 0
      said.clear()
    },
    [Symbol.asyncDispose]: () => relay.stop(),
  }
}

function closed(): Wrong {
  return { stage: 'greeting', reply: '421 4.3.2 not yet' }
}

/** Sends continuation lines of a reply, never the last. */
function drip(socket: Socket, dripping: WeakSet<Socket>): void {
  dripping.add(socket)
  const line = '250-one moment\r\n'
  let next = 0
  const timer = setInterval(() => socket.write(line.charAt(next++ % line.length)), DRIP_MS)
  socket.once('close', () => clearInterval(timer))
}
