import type { Command } from 'commander'
import { createLeaderboardReader } from '../../src/leaderboard/postgres-standings.ts'
import { checkSchema } from '../../src/infra/postgres/schema/schema-check.ts'
import { MANY_DIRTY, notRanked, unknownPerson } from '../../src/leaderboard/standings.ts'
import { isDirty, MOST_EVENTS, positionSentences } from '../../src/leaderboard/standings-report.ts'
import { configure, WHOLE_TABLE_MS, withDatabase } from './connections.ts'
import { leaderboardGroup } from './leaderboard-group.ts'
import { addPersonOptions, requiredPerson, type PersonOptions } from './person-option.ts'
import { renderJson } from './render-json.ts'
import type { Terminal } from './terminal.ts'

interface Options extends PersonOptions {
  readonly json?: boolean
}

const HELP = `
LEADERBOARD_HISTORY sets which movements are recorded. A recalculation may include a change before its event is accepted; the
event is then attributed to the next recalculation.

Examples:
  npm run workerctl -- leaderboard explain --user b1f6f0de-6a1c-4f8e-9d61-3f6f0a7c4d55
  npm run workerctl -- leaderboard explain --email guest@example.com`

export function addLeaderboardExplain(parent: Command, terminal: Terminal): void {
  addPersonOptions(parent.command('explain').description('explain the position of a person: score, state, last movement and its events'))
    .option('--json', 'print one JSON object')
    .addHelpText('after', HELP)
    .action(async (options: Options) => {
      const { config, groups } = configure(terminal)
      const findPerson = requiredPerson(options)
      const kept = { history: config.leaderboard.history, historyDays: config.leaderboard.historyDays }
      const { person, standing, change } = await withDatabase(
        config,
        async (database) => {
          await checkSchema(database.sql)
          const userId = await findPerson(database.sql)
          const reader = createLeaderboardReader(database.sql, { group: leaderboardGroup(groups), manyDirty: MANY_DIRTY })
          const person = await reader.person(userId)
          const standing = person === null ? null : await reader.standing(person.campaignId)
          if (person === null || standing === null) throw unknownPerson(userId)
          return { person, standing, change: await reader.lastChange(person, MOST_EVENTS) }
        },
        // If the campaign changed long ago, the query reads all events of all campaigns since then.
        { statementTimeoutMs: WHOLE_TABLE_MS },
      )
      const sentences = positionSentences(person, standing, change, kept)
      if (options.json === true) {
        terminal.out(
          renderJson({
            ...person,
            dirty: isDirty(person),
            notRanked: notRanked(person),
            campaign: standing,
            history: kept.history,
            lastChange: change,
            sentences,
          }),
        )
      } else for (const sentence of sentences) terminal.out(sentence)
    })
}
