import { setTimeout as pause } from 'node:timers/promises'
import { backoff } from '../../../std/backoff.ts'
import { asError } from '../client/client-error.ts'

/** About ten seconds, as long as kafkajs itself tries elsewhere. */
const TRIES = 6
const PAUSES = { baseMs: 300, maxMs: 5_000 }

/**
 * Joins, however often it takes; rejects only so that kafkajs crashes and begins anew. kafkajs 2.2.4 gives up a join at the first error that
 * is no rebalance, and then goes on as the member that it was. A coordinator that was still loading when the join came, or that the join
 * never reached, knows that member and answers its heartbeats, so nothing would lead to a join any more; but our assignment ended when this
 * one began, and the member would be in its group and read nothing, until somebody else comes or goes.
 */
export async function untilJoined(join: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await join()
    } catch (error) {
      if (isFinal(error)) throw error
      if (attempt === TRIES) throw Object.assign(new Error(`the group was not joined: ${asError(error).message}`, { cause: error }), final)
    }
    await pause(backoff(attempt, PAUSES))
  }
}

/** By this word kafkajs tells what ends its loop. */
const final = { retriable: false }

function isFinal(error: unknown): boolean {
  return error instanceof Error && 'retriable' in error && error.retriable === false
}
