import type { Fact } from '../model/fact.ts'
import type { SourceReport } from './record-source.ts'
import { describeFault } from '../model/fault-policy.ts'

/** Converts a report of the record source into a fact of its group. */
export function factOf(report: Exclude<SourceReport, { is: 'passed' }>, group: string, topic: string): Fact {
  switch (report.is) {
    case 'joined':
      return { is: 'group-joined', group, topic, partitions: report.partitions, epoch: report.epoch }
    case 'assignment-ended':
      return { is: 'assignment-ended', group, epoch: report.epoch, reason: report.reason }
    case 'crashed':
      return {
        is: 'consumer-crashed',
        group,
        cause: report.error.message,
        rebuildInMs: report.rebuildInMs,
        crashes: report.crashes,
      }
    case 'committing':
      return { is: 'committing', group, topic, offsets: report.offsets }
    case 'committed':
      return { is: 'committed', group, topic, offsets: report.offsets }
    case 'commit-failed':
      return { is: 'commit-failed', group, cause: report.error.message }
    case 'handler-escaped':
      return { is: 'handler-escaped', group, partition: report.partition, cause: describeFault(report.error) }
    case 'client-log':
      return { is: 'client-log', group, level: report.level, message: report.message, detail: report.detail }
  }
}
