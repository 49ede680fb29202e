import { InvalidArgumentError } from 'commander'
import { describe, expect, it } from 'vitest'
import { sizeOf, workloadsOf } from '../../../bench/workers/run.ts'
import { workloads } from '../../../bench/workers/workloads.ts'

const sizes = (options: Parameters<typeof sizeOf>[1]) => workloadsOf('mail,idle,ready').map((workload) => sizeOf(workload, options))

describe('the workloads', () => {
  it('have names of their own, by which they are chosen', () => {
    const names = workloads.map(({ name }) => name)
    expect(new Set(names).size).toBe(names.length)
    expect(workloadsOf('idle, mail,idle').map(({ name }) => name)).toEqual(['idle', 'mail'])
    expect(() => workloadsOf('mail,mails')).toThrow(InvalidArgumentError)
  })

  it('take their number of events from the command line, if they have events', () => {
    expect(sizes({})).toEqual([20_000, 30, 3])
    expect(sizes({ quick: true })).toEqual([1_000, 4, 1])
    expect(sizes({ quick: true, events: 7 })).toEqual([7, 4, 1])
  })
})
