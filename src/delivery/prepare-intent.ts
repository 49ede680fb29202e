import { describeFault, classifyFault } from '../model/fault-policy.ts'
import type { Attempt } from './attempt.ts'
import type { Intent } from '../model/intent.ts'
import type { IntentStore } from './intent-store.ts'
import type { IntentKind, Prepared } from '../model/intent-kind.ts'
import type { Messages } from '../model/messages.ts'

/** Delay before an intent whose own code failed is prepared again; milliseconds. */
export const BROKEN_RETRY_MS = 60_000

/** The message to send, or null when the intent was settled without one. */
export async function prepared<Channel extends keyof Messages>(
  store: Pick<IntentStore, 'read' | 'postponeCampaign'>,
  kind: IntentKind<Channel>,
  intent: Intent,
  attempt: Attempt,
): Promise<Messages[Channel] | null> {
  let answer: Prepared<Messages[Channel]>
  try {
    answer = onlyAnswer(await kind.prepare([intent], store.read))
  } catch (error) {
    if (classifyFault('prepare', error) === 'transient') throw error
    await attempt.settle(
      { is: 'later', as: 'waiting', reason: 'prepare-failed', afterMs: BROKEN_RETRY_MS },
      { fault: describeFault(error) },
    )
    return null
  }
  switch (answer.is) {
    case 'message':
      attempt.note = answer.note ?? null
      return answer.message
    case 'skip':
      await attempt.settle({ is: 'final', state: 'skipped', reason: answer.reason })
      return null
    case 'dead':
      await attempt.settle({ is: 'final', state: 'dead', reason: answer.reason }, { record: kind.recordOutcomes })
      return null
    case 'wait':
      await attempt.settle({ is: 'later', as: 'waiting', reason: answer.reason, afterMs: answer.afterMs })
      if (answer.of === 'campaign') await store.postponeCampaign(intent, answer)
      return null
    case 'channel':
      await attempt.settle({ is: 'moved', channel: answer.channel })
      return null
  }
}

/** @throws {Error} the kind did not answer once for each intent: a bug of its own. */
export function onlyAnswer<Answer>(answers: readonly Answer[]): Answer {
  const [answer] = answers
  if (answer === undefined || answers.length > 1) throw new Error(`prepare gave ${answers.length} answers for 1 intent`)
  return answer
}
