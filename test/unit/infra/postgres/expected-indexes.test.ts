import { describe, expect, it } from 'vitest'
import { expectedIndexes, indexesOf } from '../../../../src/infra/postgres/schema/expected-indexes.ts'

describe('indexesOf', () => {
  it('finds what scripts create and do not drop later, with a statement for a live database', () => {
    const scripts = [
      'CREATE TABLE w.t (a int);\nCREATE INDEX t_a ON w.t (a); -- CREATE INDEX no ON w.t (b);\nCREATE UNIQUE INDEX t_b ON w.t (b)\n  WHERE b > 0;',
      'CREATE INDEX CONCURRENTLY IF NOT EXISTS t_c ON public.t (c);',
      'DROP INDEX IF EXISTS w.t_a;',
    ]
    expect(indexesOf(scripts)).toEqual([
      { schema: 'w', name: 't_b', statement: 'CREATE UNIQUE INDEX CONCURRENTLY t_b ON w.t (b) WHERE b > 0' },
      { schema: 'public', name: 't_c', statement: 'CREATE INDEX CONCURRENTLY t_c ON public.t (c)' },
    ])
  })

  it('finds those of our own migrations', async () => {
    const names = (await expectedIndexes('worker')).map(({ name }) => name)
    expect(names).toContain('waitlist_users_ranked')
    expect(names).not.toContain('outcomes_at')
    expect(names.length).toBeGreaterThan(15)
  })
})
