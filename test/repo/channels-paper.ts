import { readFileSync } from 'node:fs'
import { channelList, channelNames } from '../../src/daemon/compose/channels.ts'
import type { ChannelDefinition } from '../../src/delivery/define-channel.ts'

/** A document with a part that is rendered from the list of channels. */
interface Paper {
  readonly path: string
  /** The text stands between `<!-- part: command -->` and `<!-- /part -->`. */
  readonly part: string
  readonly text: string
}

export const papers: readonly Paper[] = [
  { path: 'docs/reference/metrics.md', part: 'channels', text: channelNames.map((name) => `\`${name}\``).join(', ') },
  { path: 'docs/reference/states.md', part: 'retry-policies', text: `\n${retryPolicies()}\n` },
]

/** The whole document with its part as the list says. @throws when it has no such part */
export function renderPaper({ path, part, text }: Paper): string {
  const marked = new RegExp(`(<!-- ${part}: .*? -->)[\\s\\S]*?(<!-- /${part} -->)`)
  const paper = readFileSync(path, 'utf8')
  if (!marked.test(paper)) throw new Error(`${path} has no part for ${part}`)
  return paper.replace(marked, (_, before: string, after: string) => before + text + after)
}

function retryPolicies(): string {
  const head = ['| channel | delay before each retry | jitter | when the destination asks to slow down |', '|---|---|---|---|']
  return [...head, ...Object.values(channelList).flatMap(rowsOf)].join('\n')
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
