import { WritesRefused } from '../infra/postgres/client/writable.ts'
import { messageOf, OperatorError } from '../std/failure.ts'
import type { Observe } from '../model/fact.ts'

/** Whether the database answers, takes what we do, and is still the one that the groups know. */
export interface DatabaseWatch {
  /** Asks once; never rejects. */
  look(): Promise<void>
  /** It has answered somebody else. */
  answered(): void
  /** Null while it answers. */
  trouble(): string | null
  /** Why nothing or not all can be done on it although it answers, in a sentence with the way out: no writes, a right that is missing. */
  fault(): string | null
}

/** What is asked of the database. */
export interface DatabaseQuestions {
  /** Whether it takes writes; resolves to when its server started. @throws {WritesRefused} */
  writable(): Promise<string>
  /** @throws {OperatorError} a right that we need is missing. */
  rights(): Promise<void>
  /**
   * Asked once of every server that answers, and again after each time that none did: it may be an older state of the same database. Tried
   * again with the next look when it rejects.
   */
  recheck(): Promise<unknown>
}

export function watchDatabase(ask: DatabaseQuestions, observe: Observe): DatabaseWatch {
  let trouble: string | null = 'not asked yet'
  let fault: string | null = null
  /** When the server that was asked last had started. */
  let checked: string | null = null

  function heard(away: string | null, wrong: string | null): void {
    const before = trouble ?? fault
    const now = away ?? wrong
    // One that is away may fail with another message at every look; what an operator must mend is news by its sentence.
    if ((before === null) !== (now === null) || (wrong !== null && wrong !== fault))
      observe({ is: 'dependency', name: 'database', state: now === null ? 'up' : 'down', cause: now })
    trouble = away
    fault = wrong
    if (away !== null) checked = null
  }

  return {
    async look() {
      try {
        const started = await ask.writable()
        await ask.rights()
        heard(null, null)
        if (started === checked) return
        await ask.recheck()
        checked = started
      } catch (error) {
        if (error instanceof WritesRefused) checked = null
        if (error instanceof OperatorError) heard(null, error.message)
        else heard(messageOf(error), null)
      }
    },
    answered: () => heard(null, null),
    trouble: () => trouble,
    fault: () => fault,
  }
}
