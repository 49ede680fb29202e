import { analyticsConsumer } from '../../src/consumers/analytics/analytics-consumer.ts'
import { listedConsumers } from '../../src/consumers/registry.ts'

/** The groups that the demo runs and judges: every group that is registered, also those that are off unless named. */
export const demoGroups: readonly DemoGroup[] = listedConsumers.map((consumer) => ({
  name: consumer.name,
  types: consumer.types,
  countsEvents: consumer === analyticsConsumer,
}))

export interface DemoGroup {
  /** Without a prefix. */
  readonly name: string
  /** Exact event types, or families such as `user.*`. */
  readonly types: readonly string[]
  /** It keeps the counters that the demo judges. */
  readonly countsEvents: boolean
}
