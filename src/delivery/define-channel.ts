import type { ChannelName, Messages } from '../model/messages.ts'
import type { SendChannel } from './channel.ts'
import type { TransactionChannel } from './transaction-channel.ts'

/** How deliveries of a channel are spread over their destinations. */
export interface DestinationRules {
  /** Deliveries to one destination at a time; one that has not answered yet gets a single one. */
  readonly atOnce: number
  /** Failures in a row that open its breaker. */
  readonly failures: number
  /**
   * The only destination of the channel: while it is unavailable, nothing of the channel is claimed. Null: each intent has its own,
   * intents of other destinations go on, and those of an unavailable one are deferred.
   */
  readonly sole: 'relay' | null
}

/** What is known of a channel before it runs. */
export interface ChannelDefinition<Name extends ChannelName = ChannelName> {
  readonly name: Name
  /** Null: the effect is the database, so there are no destinations, breakers and permits. */
  readonly destinations: DestinationRules | null
  /** Its executions write intents of other channels, which are claimed at once. */
  readonly writesIntents: boolean
}

/** A channel of this process. */
export type Channel<Message> = SendChannel<Message> | TransactionChannel<Message>

/** Every channel of this process, by the name that intents carry. */
export type Channels = { readonly [Name in ChannelName]: Channel<Messages[Name]> }

export type ChannelDefinitions = { readonly [Name in ChannelName]: ChannelDefinition<Name> }

/** A definition with the function that creates the channel from what `daemon/compose` gives it. */
export interface DefinedChannel<Name extends ChannelName, Options> extends ChannelDefinition<Name> {
  create(options: Options): Channel<Messages[Name]>
}

/** Defines a channel; it exists once it stands in the list of `daemon/compose/channels.ts`. */
export function defineChannel<const Name extends ChannelName, Options>(
  definition: DefinedChannel<Name, Options>,
): DefinedChannel<Name, Options> {
  return definition
}
