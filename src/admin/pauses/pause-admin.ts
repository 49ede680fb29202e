import type { Pause, PauseTarget } from '../../model/pause.ts'

export interface PauseRequest extends PauseTarget {
  readonly owner: string
  readonly because: string
  /** Null: until it is resumed. Milliseconds. */
  readonly forMs: number | null
}

/** The port to the pauses. Throws SqlError. */
export interface PauseAdmin {
  /** The pauses that are not over, the oldest first. */
  active(): Promise<readonly Pause[]>
  /**
   * Begins a pause. `exists`: the target is paused already; with `extend` owner, reason and end of that pause are replaced.
   */
  begin(request: PauseRequest, extend: boolean): Promise<{ readonly is: 'begun' | 'extended' | 'exists'; readonly pause: Pause }>
  /** Ends the pause of exactly this target; null when it is not paused. */
  end(target: PauseTarget, by: string): Promise<Pause | null>
  /** How many intents of the target workers hold now: those whose attempts have begun are finished. */
  inFlight(target: PauseTarget): Promise<number>
  /** Whether the platform has such a campaign or endpoint. */
  exists(scope: 'campaign' | 'destination', id: string): Promise<boolean>
}
