import type { Intent } from '../../src/model/intent.ts'
import type { Prepare, Prepared } from '../../src/model/intent-kind.ts'
import type { Sql } from '../../src/std/sql.ts'

/** What a kind answers for a block of this intent alone. */
export async function prepareOne<Message>(kind: { prepare: Prepare<Message> }, intent: Intent, read: Sql): Promise<Prepared<Message>> {
  const [answer, ...others] = await kind.prepare([intent], read)
  if (answer === undefined || others.length > 0) throw new Error('a kind answers once for each intent')
  return answer
}
