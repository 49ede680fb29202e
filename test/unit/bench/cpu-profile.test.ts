import { describe, expect, it } from 'vitest'
import { sharesOf, type CpuProfile } from '../../../bench/profile/cpu-profile.ts'

const frame = (id: number, functionName: string, url = '', lineNumber = 0) => ({ id, callFrame: { functionName, url, lineNumber } })

/** From 1 s on, a sample a millisecond. */
const profile: CpuProfile = {
  nodes: [
    frame(1, '(root)'),
    frame(2, '(idle)'),
    frame(3, 'send', 'file:///somewhere/node_modules/@scope/mailer/lib/send.js', 11),
    frame(4, 'claim', 'file:///somewhere/src/infra/postgres/intents/claim.ts', 41),
    frame(5, '(garbage collector)'),
    frame(6, '', 'node:events', 0),
    frame(7, 'writev'),
    // The same function, called from elsewhere.
    frame(8, 'claim', 'file:///somewhere/src/infra/postgres/intents/claim.ts', 41),
  ],
  startTime: 1_000_000,
  samples: [2, 3, 3, 4, 8, 5, 6, 7, 3],
  timeDeltas: [1_000, 1_000, 1_000, 1_000, 1_000, 1_000, 1_000, 1_000, 1_000],
}

describe('sharesOf', () => {
  it('adds up what functions take by themselves, without idle time', () => {
    const { functions } = sharesOf(profile)
    expect(functions.map(({ name, selfMs }) => [name, selfMs])).toEqual([
      ['send node_modules/@scope/mailer/lib/send.js:12', 2],
      ['claim src/infra/postgres/intents/claim.ts:42', 2],
      ['(garbage collector)', 1],
      ['(anonymous) node:events:1', 1],
      ['writev', 1],
    ])
    expect(functions[0]?.share).toBeCloseTo(2 / 7)
  })

  it('adds them up by package and folder as well', () => {
    expect(sharesOf(profile).places.map(({ name }) => name)).toEqual([
      '@scope/mailer',
      'src/infra/postgres',
      '(garbage collector)',
      'node',
      'native',
    ])
  })

  it('looks only at the time that was measured', () => {
    expect(sharesOf(profile, 1_003.5, 1_005.5).functions.map(({ name, selfMs }) => [name, selfMs])).toEqual([
      ['claim src/infra/postgres/intents/claim.ts:42', 2],
    ])
    expect(sharesOf(profile, 9_000).functions).toEqual([])
  })
})
