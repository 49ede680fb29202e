import { describe, expect, it } from 'vitest'
import { cpuMicros, familyOf, parseStat, residentMebibytes } from '../../../bench/measure/process-usage.ts'

describe('parseStat', () => {
  it('counts fields behind the name, which may hold brackets and blanks, and adds what ended children used', () => {
    const line = '4711 (a ) 1 2 (b) S 42 4711 4711 0 -1 4194304 900 0 0 0 70 30 5 1 20 0 11 0 1000 200000 3000'
    expect(parseStat(line)).toEqual({ pid: 4711, parent: 42, ticks: 106 })
  })
})

describe('familyOf', () => {
  it('is a process, its children and theirs, and nobody else', () => {
    const stats = [
      { pid: 1, parent: 0, ticks: 1 },
      { pid: 7, parent: 3, ticks: 1 },
      { pid: 3, parent: 2, ticks: 1 },
      { pid: 2, parent: 1, ticks: 1 },
      { pid: 4, parent: 1, ticks: 1 },
    ]
    expect(familyOf(2, stats).map(({ pid }) => pid)).toEqual([2, 3, 7])
    expect(familyOf(9, stats)).toEqual([])
  })
})

describe('usage of this process', () => {
  it('grows with its work', async () => {
    const before = await cpuMicros(process.pid)
    // Of the processor, not of the clock: the figure is in steps of 10 ms.
    const from = process.cpuUsage()
    while (process.cpuUsage(from).user < 60_000);
    expect(await cpuMicros(process.pid)).toBeGreaterThan(before)
    expect(await residentMebibytes(process.pid, 'peak')).toBeGreaterThan(20)
  })

  it('cannot be had of a process that is gone', async () => {
    await expect(cpuMicros(2 ** 22 + 1)).rejects.toThrow('Process 4194305 is gone.')
    expect(await residentMebibytes(2 ** 22 + 1, 'peak')).toBeNull()
  })
})
