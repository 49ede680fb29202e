import { expect, it } from 'vitest'
import { readMetrics, sumOf } from '../../../cmd/demo/metrics-text.ts'

const text = `# HELP kafka_worker_messages_total Records handled.
# TYPE kafka_worker_messages_total counter
kafka_worker_messages_total{group="email-workers",type="user.signed_up",outcome="ok"} 12
kafka_worker_messages_total{group="email-workers",type="a \\"quoted\\" one",outcome="dead"} 2
kafka_worker_messages_total{group="position-workers",type="referral.verified",outcome="ok"} 1e3
process_cpu_seconds_total 0.5

`

it('sums the samples of a name with the given labels', () => {
  const samples = readMetrics(text)
  expect(sumOf(samples, 'kafka_worker_messages_total', {})).toBe(1014)
  expect(sumOf(samples, 'kafka_worker_messages_total', { group: 'email-workers' })).toBe(14)
  expect(sumOf(samples, 'kafka_worker_messages_total', { group: 'email-workers', outcome: 'ok' })).toBe(12)
  expect(sumOf(samples, 'process_cpu_seconds_total', {})).toBe(0.5)
  expect(sumOf(samples, 'nothing', {})).toBe(0)
})
