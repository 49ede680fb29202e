/** The code of a reward `ur` or null, as SQL. */
export const codeColumn = `nullif(trim(ur.reward_data->>'code'), '')`
/** What the codes of a reward `r` are made of, or null, as SQL. */
export const codeTemplateColumn = `nullif(trim(r.config->>'code_template'), '')`

/** Whether a reward may be delivered, as SQL over `ur`; checked by prepare, enforced by start. */
export const deliverable = `ur.status IN ('pending', 'earned') AND (ur.expires_at IS NULL OR ur.expires_at > now())`

/** The reason to skip a reward that is not deliverable; null: it is. */
export function notDeliverable(status: string, expired: boolean): string | null {
  if (status !== 'pending' && status !== 'earned') return `reward-${status}`
  return expired ? 'reward-expired' : null
}
