import { openDatabase } from '../../src/infra/postgres/database.ts'

const [connectionString = '', statement = ''] = process.argv.slice(2)
const database = openDatabase({
  connection: { connectionString },
  max: 1,
  applicationName: 'test lock holder',
  statementTimeoutMs: 30_000,
  connectTimeoutMs: 10_000,
})
await database.transaction(async (tx) => {
  await tx.query(statement)
  process.stdout.write('held\n')
  await new Promise((resolve) => {
    setTimeout(resolve, 600_000)
  })
})
