import type { OperatorGroup } from '../../admin/operator-group.ts'
import type { GroupWork, PauseNames } from '../../admin/pauses/pause-target.ts'
import { listedConsumers } from '../../consumers/registry.ts'
import { eventTypes } from '../../events/catalogue/catalogue.ts'
import { createTypeFilter } from '../../ingest/type-filter.ts'
import { kindsOf, type Consumer } from '../../model/consumer.ts'

/** What a pause may name: these groups, the channels and types of every registered one, and the types of the catalogue. */
export function pauseNames(groups: readonly OperatorGroup[]): PauseNames {
  const work = new Map(listedConsumers.map((consumer) => [consumer.name, workOf(consumer)]))
  return { groups, work, types: eventTypes }
}

function workOf(consumer: Consumer): GroupWork {
  const filter = createTypeFilter(consumer.types)
  const channels = new Set(kindsOf(consumer).map(({ channel }) => channel))
  return { channels: [...channels].toSorted(), types: eventTypes.filter((type) => filter.handles(type)) }
}
