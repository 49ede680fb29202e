/** What a delivery says of its destination, whatever it says of the intent. `reason` is short and bounded. */
export type Impression =
  /** It is there and answers, if only to refuse this intent. */
  | { readonly is: 'worked' }
  /** It does not; several such in a row mean that it is away. */
  | { readonly is: 'failed'; readonly reason: string }
  /** It said itself that it takes nothing now, for `forMs`; null: for a time that grows with each such answer. */
  | { readonly is: 'closed'; readonly reason: string; readonly forMs: number | null }
  /** Nothing: it was not reached, for reasons of ours. */
  | { readonly is: 'none' }
