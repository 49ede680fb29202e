/** Classifies errors of kafkajs without its classes: errors arrive wrapped, and the relevant one is a cause. */

/** The broker has ended the membership; kafkajs rejoins with its next heartbeat. */
export function endsMembership(error: unknown): boolean {
  return causes(error).some(({ type }) => type !== undefined && MEMBERSHIP_OVER.has(type))
}

/** The broker is unreachable or did not answer: transient, however often it happens. */
export function isBrokerTrouble(error: unknown): boolean {
  return causes(error).some(({ name, type, retriable }) => BROKER_TROUBLE.has(name) || (type !== undefined && retriable))
}

/** Whether the broker answered with `type`, such as `MESSAGE_TOO_LARGE`. */
export function isBrokerError(error: unknown, type: string): boolean {
  return causes(error).some((cause) => cause.type === type)
}

/** Whether the error or one of its causes matches. */
export function hasCause(error: unknown, is: (cause: Cause) => boolean): boolean {
  return causes(error).some(is)
}

/** The message of the cause with this `type`; null when there is none. */
export function messageOfType(error: unknown, type: string): string | null {
  return causes(error).find((cause) => cause.type === type)?.message ?? null
}

export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown))
}

const MEMBERSHIP_OVER = new Set([
  'REBALANCE_IN_PROGRESS',
  'ILLEGAL_GENERATION',
  'UNKNOWN_MEMBER_ID',
  'FENCED_INSTANCE_ID',
  'NOT_COORDINATOR_FOR_GROUP',
])

const BROKER_TROUBLE = new Set([
  'KafkaJSConnectionError',
  'KafkaJSConnectionClosedError',
  'KafkaJSRequestTimeoutError',
  'KafkaJSBrokerNotFound',
  'KafkaJSNoBrokerAvailableError',
  'KafkaJSLockTimeout',
  'KafkaJSGroupCoordinatorNotFound',
])

export interface Cause {
  readonly name: string
  readonly message: string
  readonly type: string | undefined
  readonly retriable: boolean
}

function causes(error: unknown): Cause[] {
  const found: Cause[] = []
  for (let cause = error; cause instanceof Error && found.length < 10; cause = cause.cause) {
    found.push({
      name: cause.name,
      message: cause.message,
      type: 'type' in cause && typeof cause.type === 'string' ? cause.type : undefined,
      retriable: 'retriable' in cause && cause.retriable === true,
    })
  }
  return found
}
