import { describe, expect, it } from 'vitest'
import { createWatermarkHistory } from '../../../../src/admin/lag/watermark-history.ts'

const end = (high: bigint) => new Map([[0, { low: 0n, high }]])

describe('the history of watermarks', () => {
  it('stays accurate after many more points than it keeps', () => {
    const history = createWatermarkHistory()
    for (let second = 0; second < 20_000; second++) history.add(second * 1000, end(BigInt(second * 10)))
    for (const second of [100, 5000, 19_000]) {
      expect(Math.abs(history.writtenAt(0, BigInt(second * 10)) - second * 1000)).toBeLessThan(2000)
    }
  })

  it('forgets the history of a topic that was recreated', () => {
    const history = createWatermarkHistory()
    history.add(0, end(0n))
    history.add(1000, end(100n))
    history.add(2000, end(10n))
    history.add(3000, end(20n))
    expect(history.writtenAt(0, 15n)).toBe(2500)
  })
})
