import type { OperatorGroup } from '../../admin/operator-group.ts'
import type { PauseNames } from '../../admin/pauses/pause-target.ts'
import { listedConsumers } from '../../consumers/registry.ts'
import { eventTypes } from '../../events/catalogue/catalogue.ts'
import { kindsOf } from '../../model/consumer.ts'

/** What a pause may name: these groups, the channels of every registered one, and the types of the catalogue. */
export function pauseNames(groups: readonly OperatorGroup[]): PauseNames {
  const channels = new Map(
    listedConsumers.map((consumer) => [consumer.name, [...new Set(kindsOf(consumer).map(({ channel }) => channel))].toSorted()]),
  )
  return { groups, channels, types: eventTypes }
}
