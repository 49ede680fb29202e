/** A campaign whose stored positions may differ from the rule. */
export interface RecalculationMessage {
  readonly campaignId: string
}

declare module '../model/messages.ts' {
  interface Messages {
    readonly leaderboard: RecalculationMessage
  }
}
