import { readFileSync } from 'node:fs'
import { channelList } from '../../src/daemon/compose/channels.ts'
import type { ChannelDefinition } from '../../src/delivery/define-channel.ts'

export const paper = 'docs/reference/states.md'

/** docs/reference/states.md with the table of the retry policies, a row for each channel of the list that sends something elsewhere. */
export function renderRetryPolicies(): string {
  const head = ['| channel | delay before each retry | jitter | when the destination asks to slow down |', '|---|---|---|---|']
  const rows = Object.values(channelList).flatMap(rowsOf)
  const part = /(<!-- retry-policies: .* -->\n)[\s\S]*?(<!-- \/retry-policies -->)/
  const text = readFileSync(paper, 'utf8')
  if (!part.test(text)) throw new Error(`${paper} has no part for the retry policies`)
  return text.replace(part, (_, before: string, after: string) => `${before}${[...head, ...rows].join('\n')}\n${after}`)
}

/** None for a channel whose effect is the database: nothing is sent again. */
export function rowsOf(channel: ChannelDefinition): readonly string[] {
  if (channel.destinations === null) return []
  const { jitter, retryAfter } = channel.retry
  const delays = channel.retry.delays(null).map(timeOf).join(', ')
  const spread = { equal: 'with equal jitter, 50-100 % of the delay', none: 'none' }[jitter]
  const slow =
    retryAfter === null
      ? 'no pause of its own'
      : `waits as long as \`Retry-After\` says, ${timeOf(retryAfter.maxMs)} at most, or ${timeOf(retryAfter.defaultMs)} without it, and up to a tenth longer`
  return [`| \`${channel.name}\` | ${delays} | ${spread} | ${slow} |`]
}

function timeOf(ms: number): string {
  const [unit, length] = ms >= 3_600_000 ? ['h', 3_600_000] : ms >= 60_000 ? ['min', 60_000] : ['s', 1_000]
  return `${ms / length} ${unit}`
}
