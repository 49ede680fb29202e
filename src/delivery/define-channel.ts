import type { ChannelName, Messages } from '../model/messages.ts'
import type { RetryPolicy } from '../model/retry-policy.ts'
import type { SendChannel } from './channel.ts'
import type { DeliveryLog } from './delivery-log-table.ts'
import type { TransactionChannel } from './transaction-channel.ts'

/** The limits of a channel's deliveries per destination. */
export interface DestinationRules {
  /** Deliveries to one destination at a time; one that has not answered yet gets a single one. */
  readonly atOnce: number
  /** Failures in a row that open its breaker. */
  readonly failures: number
  /**
   * The name of the channel's only destination: while it is unavailable, nothing of the channel is claimed. Null: each intent has its
   * own, intents of other destinations go on, and those of an unavailable one are deferred.
   */
  readonly sole: string | null
  /** The words for a destination and its deliveries in sentences for operators: "endpoint" and "rewards". */
  readonly names: { readonly destination: string; readonly deliveries: string }
}

/** The definition of a channel whose effect leaves the process. */
export interface SendDefinition<Name extends ChannelName = ChannelName> {
  readonly name: Name
  readonly destinations: DestinationRules
  /** When failed attempts are made again, unless a kind names a policy of its own. */
  readonly retry: RetryPolicy<Messages[Name]>
  /** The table with a row per delivery; null: there is none. */
  readonly deliveryLog: DeliveryLog | null
}

/** The definition of a channel whose effect is the database. */
export interface TransactionDefinition<Name extends ChannelName = ChannelName> {
  readonly name: Name
  /** There are no destinations, breakers and permits. */
  readonly destinations: null
  /** Its executions write intents of other channels, which are claimed at once. */
  readonly writesIntents: boolean
}

/** The definition of a channel. */
export type ChannelDefinition<Name extends ChannelName = ChannelName> = SendDefinition<Name> | TransactionDefinition<Name>

/** A channel of this process. */
export type Channel<Message> = SendChannel<Message> | TransactionChannel<Message>

/** Every channel of this process, by the name that intents carry. */
export type Channels = { readonly [Name in ChannelName]: Channel<Messages[Name]> }

export type ChannelDefinitions = { readonly [Name in ChannelName]: ChannelDefinition<Name> }

/** A channel that sends, without what its definition says. */
export type Sender<Message> = Omit<SendChannel<Message>, 'name' | 'retry' | 'deliveryLog'>

/** A channel whose effect is the database, without what its definition says. */
export type Transactor<Message> = Omit<TransactionChannel<Message>, 'name'>

/** A definition with the function that creates the channel from what `daemon/compose` gives it. */
export type DefinedChannel<Name extends ChannelName, Options> = ChannelDefinition<Name> & {
  create(options: Options): Channel<Messages[Name]>
}

type Definition<Name extends ChannelName, Options> =
  | (SendDefinition<Name> & { create(options: Options): Sender<Messages[Name]> })
  | (TransactionDefinition<Name> & { create(options: Options): Transactor<Messages[Name]> })

/**
 * Defines a channel; it exists once it stands in the list of `daemon/compose/channels.ts`. `create` returns an object whose functions
 * use no `this`.
 */
export function defineChannel<const Name extends ChannelName, Options>(
  definition: Definition<Name, Options>,
): DefinedChannel<Name, Options> {
  const { name } = definition
  if (definition.destinations === null) return { ...definition, create: (options) => ({ ...definition.create(options), name }) }
  const { retry, deliveryLog } = definition
  return { ...definition, create: (options) => ({ ...definition.create(options), name, retry, deliveryLog }) }
}
