/** The planner's settings for windows, for one transaction or for all of a session; `full` resets them. As arguments of one SELECT. */
export const indexesOnly = settings('off')
export const indexesOnlyInSession = settings('off', 'session')
export const anyPlan = settings('on')

function settings(value: 'on' | 'off', of: 'transaction' | 'session' = 'transaction'): string {
  return ['enable_seqscan', 'enable_hashjoin', 'enable_mergejoin', 'enable_bitmapscan']
    .map((name) => `set_config('${name}', '${value}', ${of === 'transaction'})`)
    .join(', ')
}
