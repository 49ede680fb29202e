import type { events } from './catalogue/events.ts'
import type { DataOf } from './catalogue/schema.ts'

type Definition = (typeof events)[number]

export type EventType = Definition['type']

/** The `data` of each event type as sent on the wire (ids are lower-case uuids). */
export type EventData = { [Each in Definition as Each['type']]: DataOf<Each['data']> }

/** The envelope as sent on the wire, validated against the catalogue. */
export interface DomainEvent<Type extends EventType = EventType> {
  readonly id: string
  readonly type: Type
  readonly account_id: string
  readonly campaign_id: string
  readonly data: Readonly<EventData[Type]>
  /** RFC 3339, by the publisher's clock. */
  readonly timestamp: string
  /** What its publisher gave to follow a request through everything that it causes; beside the value, in a header or attribute. */
  readonly correlation_id?: string
}

/** An event of any type; `switch (event.type)` narrows `data`. */
export type AnyEvent = { [Type in EventType]: DomainEvent<Type> }[EventType]
