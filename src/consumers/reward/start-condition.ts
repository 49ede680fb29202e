/** Whether a reward may be delivered, as SQL over `ur`; checked by prepare, enforced by start. */
export const deliverable = `ur.status IN ('pending', 'earned') AND (ur.expires_at IS NULL OR ur.expires_at > now())`

/** The reason to skip a reward that is not deliverable; null: it is. */
export function notDeliverable(status: string, expired: boolean): string | null {
  if (status !== 'pending' && status !== 'earned') return `reward-${status}`
  return expired ? 'reward-expired' : null
}
