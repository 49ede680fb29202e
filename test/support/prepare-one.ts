import type { Intent } from '../../src/model/intent.ts'
import type { Prepare, Prepared, Start, Started } from '../../src/model/intent-kind.ts'
import type { Sql } from '../../src/std/sql.ts'

/** What a kind answers for a block of this intent alone. */
export async function prepareOne<Message>(kind: { prepare: Prepare<Message> }, intent: Intent, read: Sql): Promise<Prepared<Message>> {
  const [answer, ...others] = await kind.prepare([intent], read)
  if (answer === undefined || others.length > 0) throw new Error('a kind answers once for each intent')
  return answer
}

/** What a kind answers for the start of this intent alone; undefined from a kind that has no start of its own. */
export async function kindStart<Message>(
  kind: { start?(...args: Parameters<Start<Message>>): ReturnType<Start<Message>> },
  intent: Intent,
  message: Message,
  tx: Sql,
): Promise<Started<Message> | undefined> {
  return (await kind.start?.([{ intent, message }], tx))?.[0]
}
