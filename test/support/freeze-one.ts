import type { SendChannel } from '../../src/delivery/channel.ts'
import type { Frozen, Intent } from '../../src/model/intent.ts'
import { onlyValue } from '../../src/std/only-value.ts'

/** What a channel freezes of an intent that stands alone in its batch. Throws its refusal. */
export async function freezeOne<Message>(channel: Pick<SendChannel<Message>, 'freeze'>, intent: Intent, message: Message): Promise<Frozen> {
  return onlyValue(await channel.freeze([{ intent, message }]))
}
