import { setTimeout as pause } from 'node:timers/promises'
import { openDatabase } from '../../src/infra/postgres/client/postgres-database.ts'
import { createLeaderboard } from '../../src/leaderboard/postgres-leaderboard.ts'
import { SqlError } from '../../src/std/sql.ts'

/** A process of its own that recalculates campaigns, one after the other, `count` times in all; then it reports their outcomes. */
const [connectionString = '', count = '0', ...campaigns] = process.argv.slice(2)
const database = openDatabase({
  connection: { connectionString },
  max: 1,
  applicationName: 'test recalculating',
  statementTimeoutMs: 120_000,
  connectTimeoutMs: 10_000,
})
const leaderboard = createLeaderboard(database, { history: 'off' })
const ends = { windowed: 0, whole: 0, locked: 0, deadlocks: 0, waited: 0 }
for (let run = 0; run < Number(count); run++) {
  const campaignId = campaigns[run % campaigns.length] ?? ''
  try {
    const result = await database.transaction((tx) => leaderboard.recalculate(campaignId, tx, false))
    if (result.is === 'locked') {
      ends.locked += 1
      // As the channel does: polling without a pause would only use up the processor.
      await pause(1)
    } else if (result.because === null) ends.windowed += 1
    else ends.whole += 1
  } catch (error) {
    if (!(error instanceof SqlError)) throw error
    if (error.state === '40P01') ends.deadlocks += 1
    else if (error.state === '55P03') ends.waited += 1
    else throw error
  }
}
await database.end()
process.stdout.write(`${JSON.stringify(ends)}\n`)
