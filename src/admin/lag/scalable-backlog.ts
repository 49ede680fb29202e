import type { DueWork } from './lag-ports.ts'
import type { LagWord } from './lag-verdict.ts'

/** A partition as an autoscaler's number sees it. */
interface ScalablePartition {
  readonly lag: bigint
  readonly word: LagWord
  /** It is paused for its own backlog only, which more processes work off sooner. */
  readonly isForBacklog?: boolean
}

/** More processes read no sooner what waits for an operator, a dependency or one event. */
const unreadable: ReadonlySet<LagWord> = new Set(['stopped', 'data-lost', 'stalled', 'paused', 'breaker-open'])

/**
 * The work of a group that more processes would do sooner, in records and intents: for autoscalers, which divide it by what one process
 * should have. It does not depend on how many processes there are, so that scaling does not oscillate. It is the sum of
 *
 * - the lag of partitions that can be read, where the largest counts no more than all others together: the records of one partition, and
 *   so of a hot key, are read by one process. A partition that is stalled, paused by an operator, stopped or waits for a dependency does not count;
 * - due intents, of channels that are neither paused nor behind the open breaker of their only destination. A channel that works on one
 *   campaign at a time counts each campaign once. An intent that waits for its time, a rate or an endpoint is not due.
 *
 * It is at least 1 while either part holds anything: a group that is scaled to zero would leave it.
 *
 * @param channels `isBlocked`: its due intents wait for an operator or its only destination; `isSerial`: one campaign at a time
 */
export function scalableBacklog(
  partitions: readonly ScalablePartition[],
  due: readonly DueWork[],
  channels: { readonly isBlocked: (channel: string) => boolean; readonly isSerial: (channel: string) => boolean },
): number {
  const readable = partitions
    .filter(({ word, isForBacklog }) => !unreadable.has(word) || isForBacklog === true)
    .map(({ lag }) => Number(lag))
  const total = sum(readable)
  const largest = Math.max(0, ...readable)
  const unread = total - Math.max(0, largest - (total - largest))
  const intents = due
    .filter(({ channel }) => !channels.isBlocked(channel))
    .map(({ channel, count, campaignCount }) => (channels.isSerial(channel) ? campaignCount : count))
  return Math.max(unread + sum(intents), total > 0 ? 1 : 0)
}

function sum(counts: readonly number[]): number {
  return counts.reduce((all, count) => all + count, 0)
}
