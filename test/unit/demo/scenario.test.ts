import { describe, expect, it } from 'vitest'
import { createScenario } from '../../../cmd/demo/scenario.ts'
import type { Step } from '../../../cmd/demo/step.ts'

const publicationsOf = (steps: readonly Step[]) => steps.flatMap(({ publications }) => publications)

describe('the scenario', () => {
  it('is the same for the same seed, and differs between seeds', () => {
    const one = createScenario(7)
    const steps = [...one.steps(500)]
    expect([...createScenario(7).steps(500)]).toEqual(steps)
    expect([...one.steps(500)]).toEqual(steps)
    expect(createScenario(7).seedData).toEqual(one.seedData)
    expect(createScenario(8).seedData.campaigns[0]?.id).not.toBe(one.seedData.campaigns[0]?.id)
  })

  it.each([1, 2, 3, 50, 999])('ends with exactly %i events', (events) => {
    expect(publicationsOf([...createScenario(3).steps(events)])).toHaveLength(events)
  })

  it('is endless by default', () => {
    const steps = createScenario(1).steps()
    for (let step = 0; step < 3_000; step++) expect(steps.next().done).toBe(false)
  })

  it('contains everything that the worker has to handle', () => {
    const steps = [...createScenario(7).steps(2_000)]
    const publications = publicationsOf(steps)
    const kinds = new Set(
      publications.map((publication) =>
        publication.is === 'event' ? publication.event.type : publication.is === 'bad' ? publication.record.kind : publication.is,
      ),
    )
    expect(kinds.size).toBe(6 + 9 + 1)
    expect(new Set(publications).size).toBeLessThan(publications.length)
    expect(new Set(steps.map(({ timing }) => timing))).toEqual(new Set(['usual', 'late', 'alone']))
    expect(new Set(steps.flatMap(({ writes }) => writes.flatMap((write) => (write.is === 'leave' ? [write.how] : []))))).toEqual(
      new Set(['blocked', 'removed', 'deleted']),
    )
  })

  it('lets no person leave after an event about that person was published', () => {
    const spokenOf = new Set<string>()
    const leftTooLate: string[] = []
    for (const { writes, publications } of createScenario(11).steps(5_000)) {
      leftTooLate.push(...writes.flatMap((write) => (write.is === 'leave' && spokenOf.has(write.personId) ? [write.personId] : [])))
      for (const publication of publications) {
        if (publication.is === 'event' && 'userId' in publication.event) spokenOf.add(publication.event.userId)
        if (publication.is === 'event' && 'referrerId' in publication.event) spokenOf.add(publication.event.referrerId)
      }
    }
    expect(spokenOf.size).toBeGreaterThan(1_000)
    expect(leftTooLate).toEqual([])
  })
})
