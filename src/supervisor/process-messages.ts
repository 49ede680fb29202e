/** What a worker process reports to its supervisor. */
export type ProcessReport =
  /** Its configuration is valid, and its HTTP server listens on the loopback interface. */
  | { readonly is: 'serving'; readonly port: number }
  /** Its start is complete: every group has joined. */
  | { readonly is: 'ready' }

/** What the supervisor orders: to do what the daemon does at this signal. */
export interface ProcessOrder {
  readonly signal: string
  /** For a stop: how often it was ordered so far. */
  readonly times: number
}

export function isProcessReport(message: unknown): message is ProcessReport {
  if (typeof message !== 'object' || message === null || !('is' in message)) return false
  return message.is === 'ready' || (message.is === 'serving' && 'port' in message && typeof message.port === 'number')
}

export function isProcessOrder(message: unknown): message is ProcessOrder {
  if (typeof message !== 'object' || message === null) return false
  return 'signal' in message && typeof message.signal === 'string' && 'times' in message && typeof message.times === 'number'
}
