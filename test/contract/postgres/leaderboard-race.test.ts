import { expect, it } from 'vitest'
import { migratedDatabase } from '../../support/migrated-database.ts'
import { race } from '../../support/racing-recalculations.ts'

it('concurrent recalculations of several processes while the platform writes: ranks are dense in every snapshot and finally follow the rule', async () => {
  const database = await migratedDatabase()
  try {
    const ends = await race(database, { processes: 3, each: 500, campaigns: 2, participants: 80 })
    console.log(`1,500 racing recalculations: ${JSON.stringify(ends)}`)
    expect(ends.windowed).toBeGreaterThan(100)
    expect(ends.locked).toBeGreaterThan(0)
  } finally {
    await database.close()
  }
})
