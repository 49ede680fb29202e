import type { Intent } from '../model/intent.ts'

/** Campaigns of which the account is remembered; beyond it all are read again. */
const MOST = 10_000

/** The account of each campaign, as far as it was read: an intent does not name it. */
export class CampaignAccounts {
  /** Null for a campaign without an account. */
  readonly #known = new Map<string, string | null>()

  /** Null also where it is not known. */
  of({ campaignId }: Intent): string | null {
    return this.#known.get(campaignId) ?? null
  }

  /** Campaigns of these intents whose account was not read. */
  unknownOf(intents: Iterable<Intent>): readonly string[] {
    return [...new Set([...intents].map(({ campaignId }) => campaignId))].filter((campaignId) => !this.#known.has(campaignId))
  }

  /** @param accounts by campaign; those of `campaignIds` that are missing have none */
  learn(campaignIds: readonly string[], accounts: ReadonlyMap<string, string>): void {
    if (this.#known.size + campaignIds.length > MOST) this.#known.clear()
    for (const campaignId of campaignIds) this.#known.set(campaignId, accounts.get(campaignId) ?? null)
  }
}
