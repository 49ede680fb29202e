import type { DeliveryLog } from './delivery-log-table.ts'
import { backoff } from '../std/backoff.ts'
import type { Clock } from '../std/clock.ts'
import type { Tracer } from '../std/tracer.ts'
import type { Observe } from '../model/fact.ts'
import { causeOf, describeFault, classifyFault } from '../model/fault-policy.ts'
import { attemptEndOf, beginAttemptSpan, type AttemptSpan } from './attempt-span.ts'
import type { Performed } from './channel.ts'
import type { Intent } from '../model/intent.ts'
import type { IntentStore, Reply, SettleOptions, Settlement } from './intent-store.ts'
import type { KindRows, RecordOutcomes } from '../model/intent-kind.ts'
import type { Pause } from '../model/pause.ts'
import { onlyValue } from '../std/only-value.ts'

/** Writes of an outcome that the platform's tables may refuse before it is written without them. */
const REFUSED_TRIES = 3
/** Backoff between two tries to write an outcome that only this process knows. */
const WRITE_BACKOFF = { baseMs: 100, maxMs: 15_000 }
/** How often a lease is renewed within its duration. */
const RENEWALS = 4

/** An outcome on its way into the database: `tried` settles with the first try, `written` once it is stored or the process cannot wait longer. */
export interface Recording {
  readonly tried: Promise<void>
  readonly written: Promise<void>
}

/**
 * `recording`: a worker need not wait until the outcome is written, a stop must.
 * `unavailable`: nothing was started or written; the claim is to be released. `deferred`: put back until its destination has a permit.
 * `paused`: nothing was started or written; the claim is to be released, and the intent set aside until the pause is over.
 * `busy`: nothing was written; it can be executed again when its quick destination has a permit, for which up to `mayWait` deliveries may wait
 * in this process. Where that are too many, `defer` puts it back.
 */
export type Executed =
  | { readonly is: 'done'; readonly recording?: Recording }
  | { readonly is: 'lost' }
  | { readonly is: 'unavailable'; readonly reason: string }
  | { readonly is: 'deferred'; readonly destination: string }
  | { readonly is: 'paused'; readonly pause: Pause }
  | { readonly is: 'busy'; readonly destination: string; readonly mayWait: number; readonly defer: () => Promise<Executed> }

/**
 * Where an attempt is: reading rows, waiting for a connection of the relay or for its rate, committing the start, sending, recording the
 * outcome; `transaction` is the whole work of a channel whose effect is the database.
 */
export type Stage = 'prepare' | 'connection' | 'start' | 'send' | 'transaction' | 'record'

/** Called at the beginning of each stage; `waitsFor` returns what the work waits for within it. */
export type OnStage = (stage: Stage, waitsFor: () => string | null) => void

const nothing = () => null

/** What is recorded together with the outcome of an attempt. */
export interface RecordedWith {
  /** Updates the state that the kind of the intent keeps, in the same transaction. */
  readonly record?: RecordOutcomes | undefined
  /** The same, by the statement that records the outcome. */
  readonly kindRows?: KindRows | undefined
  readonly deliveryLog?: DeliveryLog | null
  readonly reply?: Reply
  readonly fault?: string
}

/** One attempt at one intent: records its outcome, once, and reports it. */
export class Attempt {
  /** Without what was frozen, to save memory: many outcomes may wait for the database. */
  readonly intent: Intent
  readonly #store: IntentStore
  readonly #clock: Clock
  readonly #observe: Observe
  readonly #claimedAt: number
  readonly #onStage: OnStage
  readonly #stages = new Map<Stage, number>()
  #stage: Stage = 'prepare'
  #stageSince = performance.now()
  #number: number
  readonly #tracer: Tracer | undefined
  /** From the start to the outcome; null before and after, and where tracing is off. */
  #span: AttemptSpan | null = null
  executed: Executed = { is: 'done' }
  /** The note of `prepare` about a message that is sent all the same. */
  note: string | null = null

  constructor(
    on: { store: IntentStore; clock: Clock; observe: Observe; tracer?: Tracer | undefined },
    intent: Intent,
    onStage: OnStage = () => {},
  ) {
    this.#onStage = onStage
    this.intent = intent.frozen === null ? intent : { ...intent, frozen: null }
    this.#store = on.store
    this.#clock = on.clock
    this.#observe = on.observe
    this.#claimedAt = on.clock.monotonic()
    this.#number = intent.attempt
    this.#tracer = on.tracer
  }

  /** The attempt enters another stage. */
  enter(stage: Stage, waitsFor: () => string | null = nothing): void {
    const now = performance.now()
    this.#stages.set(this.#stage, (this.#stages.get(this.#stage) ?? 0) + now - this.#stageSince)
    this.#stage = stage
    this.#stageSince = now
    this.#onStage(stage, waitsFor)
  }

  /** Of the span of this attempt, for what it sends; absent where tracing is off, and before the start. */
  get traceparent(): string | undefined {
    return this.#span?.traceparent
  }

  /**
   * The start is committed: from here on the attempt counts.
   *
   * @param does `run` where the effect is a transaction of the database
   */
  started(does: 'send' | 'run' = 'send'): void {
    this.#number += 1
    if (this.#tracer !== undefined) this.#span = beginAttemptSpan(this.#tracer, this.#clock, this.intent, { does, attempt: this.#number })
    this.#observe({ is: 'started', ...this.#labels(), attempt: this.#number })
  }

  /** The request to the other side is over; its outcome is not recorded yet. */
  performed(outcome: Performed['is']): void {
    this.#span?.performed()
    this.#observe({ is: 'performed', ...this.#labels(), attempt: this.#number, outcome })
  }

  /** Another worker has claimed the intent; this one may write nothing more. */
  lost(): null {
    this.executed = { is: 'lost' }
    this.#observe({ is: 'claim-lost', ...this.#labels() })
    return null
  }

  /** Records the outcome, or throws SqlError: the intent is then claimed again when its lease has expired. */
  async settle(settlement: Settlement, also: RecordedWith = {}): Promise<void> {
    await this.#write(settlement, also, () => false)
  }

  /**
   * Records an outcome that cannot be determined again, such as the reply of a relay: retries until it is written, another worker has
   * the intent, or `signal` aborts because the process cannot wait longer. The lease is renewed meanwhile.
   */
  settleUntilWritten(settlement: Settlement, also: RecordedWith, leaseMs: number, signal: AbortSignal): Recording {
    const tried = Promise.withResolvers<void>()
    // The fault that prevents the write may prevent the renewal as well; both are retried.
    const renew = () => this.#store.renew(this.intent.claim, leaseMs).catch(() => undefined)
    const renewing = setInterval(() => void renew(), leaseMs / RENEWALS)
    const again = async (error: unknown, tries: number): Promise<boolean> => {
      tried.resolve()
      if (signal.aborted) return false
      if (tries === 1) this.#observe({ is: 'execution-failed', ...this.#labels(), cause: causeOf(error) })
      // Also between two tries: a try that waits for a lock of the platform's holds the row of the intent, which a renewal then skips.
      await renew()
      await this.#clock.sleep(Math.min(backoff(tries, WRITE_BACKOFF), leaseMs / RENEWALS), signal)
      return !signal.aborted
    }
    const written = this.#write(settlement, also, again).finally(() => {
      clearInterval(renewing)
      tried.resolve()
    })
    return { tried: tried.promise, written }
  }

  /** @param again whether to try once more, called after each try that failed for a transient reason. */
  async #write(
    settlement: Settlement,
    also: RecordedWith,
    again: (error: unknown, tries: number) => boolean | Promise<boolean>,
  ): Promise<void> {
    this.enter('record')
    this.#span?.end(outcomeOf(settlement), attemptEndOf(this.intent, settlement, also.reply ?? {}))
    this.#span = null
    let reason = 'reason' in settlement ? settlement.reason : null
    const final = settlement.is === 'final'
    const ok = final && (settlement.state === 'sent' || settlement.state === 'delivered')
    const { record, kindRows, deliveryLog = null, reply = {} } = also
    const touchesPlatform = record !== undefined || deliveryLog !== null
    let detail = also.fault ?? reply.error ?? null
    let to: Settlement = settlement
    let options: SettleOptions = { deliveryLog, reply, detail, kindOutcome: record && { outcome: { ok, final, reason }, record, kindRows } }
    let refusals = 0
    for (let tries = 1; ; tries++) {
      try {
        const settled = onlyValue(await this.#store.settle([{ intent: this.intent, settlement: to, ...options }]))
        if (settled === 'lost') this.lost()
        else this.settled(outcomeOf(to), reason ?? (settled === 'settled' ? null : settled.note), detail)
        return
      } catch (error) {
        const refused = touchesPlatform && options.ownTablesOnly !== true && classifyFault('record', error) !== 'transient'
        if (refused && ++refusals === REFUSED_TRIES) {
          // The outcome is recorded even if the platform's tables refuse theirs.
          detail = [detail, `the platform's tables refused it: ${describeFault(error)}`].filter((words) => words !== null).join('; ')
          if (to.is === 'final' && reason === null) {
            reason = 'end-refused'
            to = { is: 'final', state: to.state, reason }
          }
          options = { deliveryLog, reply, detail, ownTablesOnly: true }
        } else if (!refused && !(await again(error, tries))) throw error
      }
    }
  }

  /** Reports an outcome that the channel's own transaction has recorded. */
  settled(outcome: string, reason: string | null, detail: string | null = null): void {
    this.enter('record')
    this.#span?.end(outcome, { reason })
    this.#span = null
    const now = this.#clock.now()
    const { eventAt, eventId, correlationId } = this.intent
    const made = outcome === 'sent' || outcome === 'delivered' || outcome === 'done'
    this.#observe({
      is: 'settled',
      ...this.#labels(),
      eventId,
      correlationId,
      attempt: this.#number,
      outcome,
      reason,
      detail,
      durationMs: this.#clock.monotonic() - this.#claimedAt,
      stages: new Map(this.#stages),
      endToEndMs: made && eventAt !== null ? now - eventAt.getTime() : null,
    })
  }

  #labels(): { group: string; channel: string; kind: string; intentId: string } {
    return { group: this.intent.group, channel: this.intent.channel, kind: this.intent.kind, intentId: this.intent.id }
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
    case 'deferred':
      return 'deferred'
  }
}
