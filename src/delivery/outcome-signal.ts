/** What a delivery says of its destination, whatever it says of the intent. `reason` is short and bounded. */
export type OutcomeSignal =
  /** It is there and answers, if only to refuse this intent. */
  | { readonly is: 'ok' }
  /**
   * It does not; several such in a row mean that it is away. `ofOne`: the cause may lie with whom this delivery is for (a mail's
   * recipient), so that it says nothing when the destination has worked for another meanwhile.
   */
  | { readonly is: 'failure'; readonly reason: string; readonly ofOne?: boolean }
  /** It said itself that it takes nothing now, for `forMs`; null: for a time that grows with each such answer. */
  | { readonly is: 'throttled'; readonly reason: string; readonly forMs: number | null }
  /** Nothing: it was not reached, for reasons of ours. */
  | { readonly is: 'none' }
