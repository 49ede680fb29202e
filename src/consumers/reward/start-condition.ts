/** What a reward must be to be delivered, as SQL over `ur`; checked by prepare, demanded by start. */
export const deliverable = `ur.status IN ('pending', 'earned') AND (ur.expires_at IS NULL OR ur.expires_at > now())`

/** Why it is not deliverable, as the reason of the skip; null when it is. */
export function notDeliverable(status: string, expired: boolean): string | null {
  if (status !== 'pending' && status !== 'earned') return `reward-${status}`
  return expired ? 'reward-expired' : null
}
