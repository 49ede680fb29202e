import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import type { RetryPolicy } from '../../src/model/retry-policy.ts'
import { files } from './source-files.ts'

export const paper = 'docs/reference/states.md'

/** docs/reference/states.md with the table of the retry policies as the channels have them, `src/delivery/<channel>/<channel>-retry-policy.ts`. */
export async function renderRetryPolicies(): Promise<string> {
  const paths = files.filter((path) => /^src\/delivery\/.*-retry-policy\.ts$/.test(path)).toSorted()
  const rows = await Promise.all(paths.map(async (path) => rowOf(basename(path, '-retry-policy.ts'), await policyIn(path))))
  const head = ['| channel | delay before each retry | jitter | when the destination asks to slow down |', '|---|---|---|---|']
  const part = /(<!-- retry-policies: .* -->\n)[\s\S]*?(<!-- \/retry-policies -->)/
  const text = readFileSync(paper, 'utf8')
  if (!part.test(text)) throw new Error(`${paper} has no part for the retry policies`)
  return text.replace(part, (_, before: string, after: string) => `${before}${[...head, ...rows].join('\n')}\n${after}`)
}

async function policyIn(path: string): Promise<RetryPolicy> {
  const module: Readonly<Record<string, unknown>> = await import(`../../${path}`)
  const [, policy] = Object.entries(module).find(([name]) => name.endsWith('RetryPolicy')) ?? []
  if (!isPolicy(policy)) throw new Error(`${path} exports no retry policy`)
  return policy
}

function isPolicy(value: unknown): value is RetryPolicy {
  return typeof value === 'object' && value !== null && 'delays' in value && 'jitter' in value && 'retryAfter' in value
}

/** The policy of a channel is the same for every message; a kind that wants another names its own. */
function rowOf(channel: string, policy: RetryPolicy): string {
  const { jitter, retryAfter } = policy
  const spread = { equal: 'with equal jitter, 50-100 % of the delay', none: 'none' }[jitter]
  const slow =
    retryAfter === null
      ? 'no pause of its own'
      : `waits as long as \`Retry-After\` says, ${timeOf(retryAfter.maxMs)} at most, or ${timeOf(retryAfter.defaultMs)} without it, and up to a tenth longer`
  return `| \`${channel}\` | ${policy.delays(null).map(timeOf).join(', ')} | ${spread} | ${slow} |`
}

function timeOf(ms: number): string {
  const [unit, length] = ms >= 3_600_000 ? ['h', 3_600_000] : ms >= 60_000 ? ['min', 60_000] : ['s', 1_000]
  return `${ms / length} ${unit}`
}
