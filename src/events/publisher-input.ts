import type { InputName } from './input-names.ts'
import type { EventData, EventType } from './event.ts'
import type { PublishContext } from './publish-context.ts'

/** The fields a publisher passes for each event type: those of its `data`, in camel case. All ids are uuids, in upper or lower case. */
export type EventInput = {
  readonly [Type in EventType]: Occurrence & {
    readonly [Field in keyof EventData[Type] & string as Field extends 'campaign_id' ? never : InputName<Field>]: EventData[Type][Field]
  }
}

/** An event of any type, named by `type`: for lists of mixed events. */
export type TypedInput = { [Type in EventType]: EventInput[Type] & { readonly type: Type } }[EventType]

/** What the input of every event may say, whatever its type. */
interface Occurrence extends PublishContext {
  readonly accountId: string
  /** Also the key of the record: all events of a campaign share a partition, in order. */
  readonly campaignId: string
  /** A uuid. By default it is derived from the fact, so that publishing the same fact again is a duplicate. */
  readonly eventId?: string
  /** When it happened; default: now. */
  readonly timestamp?: Date
}

/** The names of {@link Occurrence}, and of the type in a list. */
export const occurrenceFields: readonly (keyof Occurrence | 'type')[] = [
  'type',
  'accountId',
  'campaignId',
  'eventId',
  'timestamp',
  'correlationId',
  'causationId',
  'traceparent',
]
