import { openDatabase } from '../../src/infra/postgres/client/postgres-database.ts'
import { SqlError } from '../../src/std/sql.ts'

const [connectionString = '', statement = ''] = process.argv.slice(2)
const database = openDatabase({
  connection: { connectionString },
  max: 1,
  applicationName: 'test lock holder',
  statementTimeoutMs: 30_000,
  connectTimeoutMs: 10_000,
})
// A transaction that locks many rows under traffic may lose a deadlock, and is repeated.
for (let held = false; !held;) {
  await database
    .transaction(async (tx) => {
      await tx.query(statement)
      held = true
      process.stdout.write('held\n')
      await new Promise((resolve) => {
        setTimeout(resolve, 600_000)
      })
    })
    .catch((error: unknown) => {
      if (held || !(error instanceof SqlError) || error.state !== '40P01') throw error
    })
}
