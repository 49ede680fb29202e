import type { Clock } from '../../src/std/clock.ts'
import type { Acceptor } from '../../src/ingest/accept-chunk.ts'
import type { DeadLetter } from '../../src/ingest/dead-letter.ts'
import type { Fact } from '../../src/model/fact.ts'
import { createAutoAdvancingClock } from './auto-advancing-clock.ts'
import { MemoryAcceptStore } from './memory-accept-store.ts'

export interface AcceptorFixture {
  readonly acceptor: Acceptor
  readonly store: MemoryAcceptStore
  /** What was published, in order; a letter that was published twice stands here twice. */
  readonly letters: readonly DeadLetter[]
  readonly facts: readonly Fact[]
  /** Thrown by the next publications, one each. */
  readonly refusedPublications: Error[]
}

/** An acceptor of `test-workers` on a store and a dead-letter topic in memory; partition 0 stands at 0. */
export function createAcceptorFixture(clock: Clock = createAutoAdvancingClock()): AcceptorFixture {
  const store = new MemoryAcceptStore()
  store.put(0, 0n)
  const letters: DeadLetter[] = []
  const facts: Fact[] = []
  const refusedPublications: Error[] = []
  return {
    store,
    letters,
    facts,
    refusedPublications,
    acceptor: {
      group: 'test-workers',
      topic: 'domain-events',
      store,
      clock,
      deadLetters: {
        async publish(more) {
          const refused = refusedPublications.shift()
          if (refused !== undefined) throw refused
          letters.push(...more)
        },
      },
      observe: (fact) => facts.push(fact),
      limit: (work) => work(),
      reserve: () => ({ reservation: null, release: () => undefined }),
    },
  }
}
