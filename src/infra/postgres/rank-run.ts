/** One recalculation of one campaign, under its lock. */
export interface RankRun {
  readonly campaignId: string
  /** Read before the table was: what committed before is seen. The text of a timestamptz. */
  readonly beganAt: string
  /** Movements that go into the history at most; null: all. */
  readonly remember: number | null
}

export interface Written {
  /** Rows whose stored rank differs from the rule, as read. */
  readonly changes: number
  /** Those of them that were still there to be written. */
  readonly written: number
}
