import type { SendChannel } from './channel.ts'
import type { Messages } from '../model/intent-kind.ts'
import type { TransactionChannel } from './transaction-channel.ts'

/** Every channel of this process, by the name that intents carry. */
export interface Channels {
  readonly email: SendChannel<Messages['email']>
  readonly webhook: SendChannel<Messages['webhook']>
  readonly leaderboard: TransactionChannel<Messages['leaderboard']>
  readonly broadcast: TransactionChannel<Messages['broadcast']>
}
