import type { Clock } from '../std/clock.ts'
import type { Tracer } from '../std/tracer.ts'
import type { Observe } from '../model/fact.ts'
import type { Channels } from './define-channel.ts'
import type { Destinations } from './destinations.ts'
import type { IntentStore } from './intent-store.ts'
import type { KindTable } from './kind-table.ts'
import type { WorkGate } from './work-gate.ts'

/** Everything that the execution of an intent needs. */
export interface Executor {
  readonly store: IntentStore
  readonly kinds: KindTable
  readonly channels: Channels
  /** Shared by every group of the process. */
  readonly destinations: Destinations
  readonly clock: Clock
  readonly observe: Observe
  /** Absent where tracing is off. */
  readonly tracer?: Tracer | undefined
  /** Policy for mails whose outcome is unknown: retry once, or hold for the operator. */
  readonly ambiguous: { readonly hold: boolean; readonly retryMs: number }
  /** What operators have paused; nothing where it is left out. */
  readonly gate?: WorkGate | undefined
}
