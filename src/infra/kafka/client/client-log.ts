import type { LogEntry } from 'kafkajs'
import kafkajs from 'kafkajs'

/** The message of what is thrown in a client to end it; part of what kafkajs logs about that. */
export const SOURCE_STOPS = 'the source stops'

/** One line of kafkajs's own log. */
export interface ClientLog {
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly message: string
  readonly detail: object
}

/**
 * Lowers the level of each line to its meaning for an operator: kafkajs retries or rejoins after everything it logs, and what it gives up is
 * reported as a rejection or a crash. So no line is an error.
 */
export function clientLog({ level, namespace, log }: LogEntry): ClientLog {
  const { message, timestamp: _, logger: __, stack: ___, ...detail } = log
  return { level: lowered(level, message), message, detail: { namespace, ...detail } }
}

function lowered(level: number, message: string): ClientLog['level'] {
  // Thrown by us, to keep a member that is to leave from joining once more.
  if (message.includes(SOURCE_STOPS)) return 'debug'
  const warn: number = kafkajs.logLevel.WARN
  if (level > warn) return 'debug'
  if (level === warn) return 'info'
  // A broker's answer that kafkajs acts upon: coordinator loading, rebalance in progress, leader moved.
  return message.startsWith('Response ') ? 'debug' : 'warn'
}
