import type { Clock } from '../std/clock.ts'
import type { Observe } from '../worker/fact.ts'
import type { Performed } from './hand-over-channel.ts'
import type { Intent } from './intent.ts'
import type { IntentStore, Ledger, Reply, Settlement } from './intent-store.ts'
import type { AttemptEnd, EndedNote } from './kind.ts'
import type { Sql } from '../std/sql.ts'

/**
 * `recorded` settles when the end of the attempt is in the database: a worker need not wait for it, a stop must.
 * `unavailable`: nothing was started or written; the claim is to be given back. `parked`: put back until its destination has a place.
 */
export type Executed =
  | { readonly is: 'done'; readonly recorded?: Promise<void> }
  | { readonly is: 'lost' }
  | { readonly is: 'unavailable'; readonly reason: string }
  | { readonly is: 'parked'; readonly destination: string }

/**
 * Where an attempt is: reading rows, waiting for a connection of the relay or for its rate, committing the start, at the other side,
 * writing down how it ended; `transaction` is the whole work of a channel whose effect is the database.
 */
export type Stage = 'prepare' | 'connection' | 'start' | 'send' | 'transaction' | 'record'

export interface AlsoAtEnd {
  readonly ended?: ((end: AttemptEnd, tx: Sql) => Promise<EndedNote | undefined>) | undefined
  readonly ledger?: Ledger | null
  readonly reply?: Reply
  readonly fault?: string
}

/** One attempt at one intent: writes how it ended, once, and tells the observer. */
export class Attempt {
  readonly #intent: Intent
  readonly #store: IntentStore
  readonly #clock: Clock
  readonly #observe: Observe
  readonly #claimedAt: number
  readonly #onStage: (stage: Stage) => void
  readonly #stages = new Map<Stage, number>()
  #stage: Stage = 'prepare'
  #stageSince = performance.now()
  #number: number
  executed: Executed = { is: 'done' }
  /** What `prepare` had to say about a message that goes all the same. */
  note: string | null = null

  constructor(on: { store: IntentStore; clock: Clock; observe: Observe }, intent: Intent, onStage: (stage: Stage) => void = () => {}) {
    this.#onStage = onStage
    this.#intent = intent
    this.#store = on.store
    this.#clock = on.clock
    this.#observe = on.observe
    this.#claimedAt = on.clock.now()
    this.#number = intent.attempt
  }

  /** The attempt goes on to another stage. */
  enter(stage: Stage): void {
    const now = performance.now()
    this.#stages.set(this.#stage, (this.#stages.get(this.#stage) ?? 0) + now - this.#stageSince)
    this.#stage = stage
    this.#stageSince = now
    this.#onStage(stage)
  }

  /** The start is committed: from here on the attempt counts. */
  started(): void {
    this.#number += 1
    this.#observe({ is: 'started', ...this.#labels(), attempt: this.#number })
  }

  /** The network has had its part. */
  performed(outcome: Performed['is']): void {
    this.#observe({ is: 'performed', ...this.#labels(), attempt: this.#number, outcome })
  }

  /** Somebody else has the intent now; nothing of ours may be written. */
  lost(): null {
    this.executed = { is: 'lost' }
    this.#observe({ is: 'claim-lost', ...this.#labels() })
    return null
  }

  /** Records the end. `ended` keeps the books of the intent's kind, in the same transaction. */
  async end(settlement: Settlement, also: AlsoAtEnd = {}): Promise<void> {
    const reason = 'reason' in settlement ? settlement.reason : null
    const final = settlement.is === 'final'
    const ok = final && (settlement.state === 'sent' || settlement.state === 'delivered')
    const { ended } = also
    let note: string | null = null
    const work = ended && {
      work: async (tx: Sql) => {
        note = (await ended({ ok, final, reason }, tx))?.note ?? null
      },
    }
    this.enter('record')
    const settled = await this.#store.settle(this.#intent, settlement, { ledger: also.ledger ?? null, reply: also.reply ?? {}, ...work })
    if (settled === 'lost') this.lost()
    else this.settled(outcomeOf(settlement), reason ?? note, also.fault ?? also.reply?.error ?? null)
  }

  /** The end was recorded by the channel's own transaction. */
  settled(outcome: string, reason: string | null, detail: string | null = null): void {
    this.enter('record')
    const now = this.#clock.now()
    const { eventAt, eventId } = this.#intent
    const made = outcome === 'sent' || outcome === 'delivered' || outcome === 'done'
    this.#observe({
      is: 'settled',
      ...this.#labels(),
      eventId,
      attempt: this.#number,
      outcome,
      reason,
      detail,
      durationMs: now - this.#claimedAt,
      stages: new Map(this.#stages),
      endToEndMs: made && eventAt !== null ? now - eventAt.getTime() : null,
    })
  }

  #labels(): { group: string; channel: string; kind: string; intentId: string } {
    return { group: this.#intent.group, channel: this.#intent.channel, kind: this.#intent.kind, intentId: this.#intent.id }
  }
}

function outcomeOf(settlement: Settlement): string {
  switch (settlement.is) {
    case 'final':
      return settlement.state
    case 'later':
      return settlement.as
    case 'ambiguous':
      return 'ambiguous'
    case 'moved':
      return 'moved'
    case 'parked':
      return 'parked'
  }
}
