/** What a delivery says about its destination, independent of the intent. `reason` is short and bounded. */
export type OutcomeSignal =
  /** The destination answers, if only to refuse this intent. */
  | { readonly is: 'ok' }
  /**
   * It does not; several in a row mean that it is unavailable. `ofOne`: the cause may be the recipient of this delivery alone, so that it does
   * not count when the destination has worked for another meanwhile.
   */
  | { readonly is: 'failure'; readonly reason: string; readonly ofOne?: boolean }
  /** It requested a pause of `forMs`; null: of a time that grows with each such answer. */
  | { readonly is: 'throttled'; readonly reason: string; readonly forMs: number | null }
  /** Nothing: it was not reached, for reasons on our side. */
  | { readonly is: 'none' }
