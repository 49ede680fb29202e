import { expect, test } from 'vitest'
import { statementName } from '../../../../../src/infra/postgres/client/statement-name.ts'

test.each([
  ['SELECT u.id FROM platform.waitlist_users AS u JOIN platform.campaigns c ON true', 'SELECT platform.waitlist_users, platform.campaigns'],
  [
    `WITH begun AS (UPDATE worker.intents SET state = 'claimed' WHERE id = $1 RETURNING id)
     INSERT INTO platform.email_logs (id) SELECT id FROM begun JOIN platform.campaigns c ON true`,
    'UPDATE worker.intents, INSERT platform.email_logs',
  ],
  ['DELETE FROM worker.outcomes WHERE at < $1', 'DELETE worker.outcomes'],
  ['BEGIN ISOLATION LEVEL READ COMMITTED', 'BEGIN ISOLATION'],
  ['COMMIT', 'COMMIT'],
])('%s is named by its verbs and tables: %s', (text, name) => {
  expect(statementName(text)).toBe(name)
})
