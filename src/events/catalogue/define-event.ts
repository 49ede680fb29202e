import type { Owner } from './owners.ts'
import type { DataOf, ObjectSchema } from './schema.ts'

/** How long the topic of an event keeps it: `domain` 30 days, `analytics` a year, `audit` forever. */
export type RetentionClass = 'domain' | 'analytics' | 'audit'

/** A whole event as it is on the wire, for readers and for tests. */
export interface Example<Data extends object = object> {
  /** Of no other example. */
  readonly id: string
  readonly accountId: string
  readonly timestamp: string
  readonly data: Data
}

/** What the catalogue knows of one event. */
export interface EventDefinition {
  readonly type: string
  /** What the publisher writes. It is raised where older readers or older records would fail otherwise; readers upcast older records. */
  readonly version: number
  /** Raised with each optional field that is added to a version; readers of an earlier one ignore it. 0 when not given. */
  readonly minor?: number
  /**
   * By an older version, what makes its `data` that of the next one. Pure. Where a record is in Avro, an optional field that it lacks is null
   * here and not absent, because nulls are taken out of the current version only.
   */
  readonly upcasters?: Readonly<Record<number, (data: Readonly<Record<string, unknown>>) => object>>
  /** One sentence: what happened. */
  readonly summary: string
  readonly owner: Owner
  /** Release of the catalogue that has it first. */
  readonly since: string
  /** No new code publishes or handles it. */
  readonly deprecated?: {
    /** ISO date. */
    readonly on: string
    /** Type of the event that takes its place, or null. */
    readonly successor: string | null
  }
  readonly retention: RetentionClass
  /** Where it is published; `KAFKA_TOPIC` when not given. */
  readonly topic?: string
  /** The field whose value is the key of the record: events with one key keep their order. */
  readonly key: string
  readonly data: ObjectSchema
  /** Fields of `data` that identify the fact; event id and content hash are derived from them. They can never change. */
  readonly identity: readonly string[]
  /** Fields of `data` with personal data in plain text. Ids of people are pseudonyms and not listed. */
  readonly personal: readonly string[]
  readonly examples: readonly Example[]
}

/** The same with the types that follow from its schema. */
export interface DefinedEvent<Type extends string, Data extends ObjectSchema> extends EventDefinition {
  readonly type: Type
  readonly key: 'campaign_id'
  readonly data: Data
  readonly identity: readonly (keyof Data['properties'] & string)[]
  readonly personal: readonly (keyof Data['properties'] & string)[]
  readonly examples: readonly Example<DataOf<Data>>[]
}

export function defineEvent<const Type extends string, const Data extends ObjectSchema>(
  definition: DefinedEvent<Type, Data>,
): DefinedEvent<Type, Data> {
  return definition
}
