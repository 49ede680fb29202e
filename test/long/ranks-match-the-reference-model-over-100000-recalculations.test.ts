import { expect, test } from 'vitest'
import type { FullBecause } from '../../src/leaderboard/leaderboard.ts'
import { createLeaderboard } from '../../src/leaderboard/postgres-leaderboard.ts'
import { playHistory } from '../contract/postgres/rank-history.ts'
import { migratedDatabase } from '../support/migrated-database.ts'
import { race } from '../support/racing-recalculations.ts'
import { scaled, writeLine } from './long-scale.ts'

const rounds = 20
const side = 3

test('100,000 recalculations of random histories store exactly the ranks of a reference model in memory', async () => {
  const database = await migratedDatabase()
  try {
    const wanted = scaled(100_000, 1_000)
    const leaderboard = createLeaderboard(database, { history: 'top' })
    const ways = new Map<FullBecause | null, number>()
    let compared = 0
    let seed = 1_000
    const recalculate = async (campaignId: string) => {
      const result = await database.transaction((tx) => leaderboard.recalculate(campaignId, tx, false))
      if (result.is !== 'done') throw new Error('somebody holds the lock')
      ways.set(result.because, (ways.get(result.because) ?? 0) + 1)
      return result.rowsChanged
    }
    const player = async () => {
      while (compared < wanted) {
        await playHistory(database, seed++, { recalculate, rounds, joins: 12, hardDeletes: false }, ({ round, expected, found }) => {
          expect({ seed, round, ...found }).toEqual({ seed, round, ...expected })
          compared += 1
        })
      }
    }
    await Promise.all(Array.from({ length: side }, player))
    writeLine(`${compared} comparisons, none different; whole rankings by reason, null is none: ${JSON.stringify([...ways])}`)
    expect(compared).toBeGreaterThanOrEqual(wanted)
    expect([...ways.keys()]).not.toContain('unsure')
  } finally {
    await database.close()
  }
})

test('concurrent recalculations of four processes while the platform writes: ranks are dense in every snapshot and finally follow the rule', async () => {
  const database = await migratedDatabase()
  try {
    const each = scaled(15_000, 500)
    const ends = await race(database, { processes: 4, each, campaigns: 4, participants: 300 })
    writeLine(`${4 * each} racing recalculations: ${JSON.stringify(ends)}`)
    expect(ends.windowed).toBeGreaterThan(each / 4)
  } finally {
    await database.close()
  }
})
