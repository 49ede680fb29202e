import { describe, expect, it } from 'vitest'
import type { Check, CheckName } from '../../../../src/admin/doctor/check.ts'
import { chosenChecks, runChecks, stoppedAt } from '../../../../src/admin/doctor/run-checks.ts'
import { OperatorError } from '../../../../src/std/failure.ts'
import { createManualClock } from '../../../support/manual-clock.ts'

const well = (name: CheckName, ...needs: readonly CheckName[]): Check => ({
  name,
  needs,
  of: `the ${name}`,
  look: async () => ({ sentence: 'Well.', findings: [] }),
})
const broken = (name: CheckName, ...needs: readonly CheckName[]): Check => ({
  ...well(name, ...needs),
  look: async () => {
    throw new OperatorError('it is broken: repair it')
  },
})
const throwing = (error: Error): Check => ({
  ...well('database'),
  look: async () => {
    throw error
  },
})
const clock = { monotonic: () => 0, sleep: () => new Promise<void>(() => undefined) }

describe('runChecks', () => {
  it('skips what needs a failed check, however indirectly, by the name of the one that failed, and runs the others', async () => {
    const checks = [well('configuration'), broken('broker'), well('tls', 'broker'), well('login', 'tls'), well('database')]
    const results = await runChecks(checks, { clock })
    expect(results.map(({ name, is, because }) => [name, is, because])).toEqual([
      ['configuration', 'ok', null],
      ['broker', 'failed', null],
      ['tls', 'skipped', 'broker'],
      ['login', 'skipped', 'broker'],
      ['database', 'ok', null],
    ])
    expect(stoppedAt(results)).toMatchObject({ name: 'broker', findings: [{ sentence: 'It is broken.', fix: 'repair it' }] })
  })

  it('runs what needs a check that only warned', async () => {
    const warns: Check = { ...well('tls'), look: async () => ({ sentence: 'x', findings: [{ is: 'warning', sentence: 'x', fix: 'y' }] }) }
    const results = await runChecks([warns, well('login', 'tls')], { clock })
    expect(results.map(({ is }) => is)).toEqual(['warning', 'ok'])
    expect(stoppedAt(results)).toBeNull()
  })

  it('has failures before warnings, so that the way out of the first is that of the worst', async () => {
    const [mild, bad] = [
      { is: 'warning', sentence: 'Soon.', fix: 'wait' },
      { is: 'failed', sentence: 'Broken.', fix: 'repair it' },
    ] as const
    const mixed: Check = { ...well('tls'), look: async () => ({ sentence: 'Well so far.', findings: [mild, bad, mild] }) }
    expect(await runChecks([mixed], { clock })).toMatchObject([{ is: 'failed', findings: [bad, mild, mild] }])
  })

  it('ends a check that never answers at the deadline, aborts it, and says which one and how long it waited', async () => {
    const manual = createManualClock()
    let aborted = false
    const hung: Check = {
      ...well('database'),
      look: (signal) => new Promise(() => signal.addEventListener('abort', () => (aborted = true))),
    }
    const running = runChecks([hung, well('rights', 'database')], { clock: manual, deadlineMs: 7_000 })
    manual.advance(7_000)
    const results = await running
    expect(results[0]?.sentence).toBe('The database did not answer within 7 s (waited 7 s).')
    expect(results.map(({ is }) => is)).toEqual(['failed', 'skipped'])
    expect(aborted).toBe(true)
  })

  it('gives the sentence of an error that is known, and says of any other that the check itself failed', async () => {
    const known = await runChecks([throwing(new Error('raw'))], { clock, sentenceOf: () => 'a sentence: a way' })
    expect(known[0]?.findings).toEqual([{ is: 'failed', sentence: 'A sentence.', fix: 'a way' }])
    const unknown = await runChecks([throwing(new Error('raw'))], { clock })
    expect(unknown[0]?.sentence).toBe('The check itself failed (raw).')
  })
})

describe('chosenChecks', () => {
  const all = [well('broker'), well('tls', 'broker'), well('login', 'tls'), well('database')]

  it.each<[readonly CheckName[] | undefined, readonly CheckName[]]>([
    [undefined, ['broker', 'tls', 'login', 'database']],
    [['database'], ['database']],
    [['login'], ['broker', 'tls', 'login']],
  ])('makes of %j the checks %j', (only, chosen) => {
    expect(chosenChecks(all, only).map(({ name }) => name)).toEqual(chosen)
  })
})
