import { listedConsumers } from '../../src/consumers/registry.ts'

/** The groups that the demo runs and judges: every group that is registered, also those that are off unless named. */
export const demoGroups: readonly DemoGroup[] = listedConsumers.map(({ name, types }) => ({ name, types }))

export interface DemoGroup {
  /** Without a prefix. */
  readonly name: string
  /** Exact event types, or families such as `user.*`. */
  readonly types: readonly string[]
}
