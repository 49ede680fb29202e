import type { Consumer } from 'kafkajs'
import { parse, runGroup, setting } from './group.ts'

const groups: readonly (readonly [name: string, types: readonly string[]])[] = [
  ['email-workers', ['user.signed_up', 'user.verified', 'referral.verified', 'reward.earned', 'campaign.milestone_reached']],
  ['position-workers', ['referral.verified']],
  ['reward-workers', ['reward.earned']],
]

/**
 * Three groups that parse every event and count those that they would handle; no database. Prints one line when each has seen `EVENTS`, with
 * how many each handles.
 */
export async function drain(): Promise<readonly Consumer[]> {
  const events = Number(setting('EVENTS'))
  const handled: Record<string, number> = {}
  let done = 0
  return Promise.all(
    groups.map(([name, types]) => {
      const wanted = new Set(types)
      let seen = 0
      handled[name] = 0
      return runGroup(name + setting('GROUP_SUFFIX'), ({ message }) => {
        const event = parse(message.value)
        if (wanted.has(event.type)) handled[name] = (handled[name] ?? 0) + 1
        if (++seen === events && ++done === groups.length) process.stdout.write(`${JSON.stringify({ handled })}\n`)
        return Promise.resolve()
      })
    }),
  )
}
