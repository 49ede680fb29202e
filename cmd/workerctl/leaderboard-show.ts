import type { Command } from 'commander'
import { createLeaderboardReader } from '../../src/leaderboard/postgres-standings.ts'
import { checkSchema } from '../../src/infra/postgres/schema/schema-check.ts'
import { uuidOf } from '../../src/admin/intents/intent-filter.ts'
import { MANY_DIRTY, notRanked, notRankedBecause, unknownCampaign, unknownPerson } from '../../src/leaderboard/standings.ts'
import type { LeaderboardReader, RankedPerson } from '../../src/leaderboard/standings.ts'
import { standingSentences } from '../../src/leaderboard/standings-report.ts'
import { OperatorError } from '../../src/std/failure.ts'
import { configure, withDatabase } from './connections.ts'
import { leaderboardGroup } from './leaderboard-group.ts'
import { personOption } from './person-option.ts'
import { renderJson } from './render-json.ts'
import { renderTable } from './render-table.ts'
import type { Terminal } from './terminal.ts'
import { wholeNumber } from './whole-number.ts'

interface Options {
  readonly campaign: string
  readonly top: number
  readonly around?: string
  readonly email?: string
  readonly json?: boolean
}

const HELP = `
POSITION and SCORE are the stored values; ORIGINAL and REFERRALS (verified referrals) are the current values of the person's row.
A dirty row has changed since it was ranked.

Examples:
  npm run workerctl -- leaderboard show --campaign 0c9e6c1f-3b1d-4f0e-8d8a-5f0f7a1e2b33
  npm run workerctl -- leaderboard show --campaign 0c9e6c1f-3b1d-4f0e-8d8a-5f0f7a1e2b33 --around b1f6f0de-6a1c-4f8e-9d61-3f6f0a7c4d55
  npm run workerctl -- leaderboard show --campaign 0c9e6c1f-3b1d-4f0e-8d8a-5f0f7a1e2b33 --email guest@example.com --top 20`

export function addLeaderboardShow(parent: Command, terminal: Terminal): void {
  parent
    .command('show')
    .description('show the top of a campaign, or the neighbours of a person, as stored')
    .requiredOption('--campaign <uuid>', 'the id in campaigns')
    .option('--top <count>', 'how many people; with --around, half of them on each side', wholeNumber(1, 10_000), 10)
    .option('--around <uuid>', 'show the neighbours of this person (the id in waitlist_users) instead of the top')
    .option('--email <address>', 'show the neighbours of this person, by mail address in any spelling')
    .option('--json', 'print one JSON object')
    .addHelpText('after', HELP)
    .action(async (options: Options) => {
      const { config, groups } = configure(terminal)
      const campaignId = uuidOf('--campaign', options.campaign)
      const around = uuidOf('--around', options.around)
      if (around !== null && options.email !== undefined) throw new OperatorError('Give --around or --email, not both.')
      const findPerson = options.email === undefined ? null : personOption({ email: options.email })
      await withDatabase(config, async (database) => {
        await checkSchema(database.sql)
        const reader = createLeaderboardReader(database.sql, { group: leaderboardGroup(groups), manyDirty: MANY_DIRTY })
        const standing = await reader.standing(campaignId)
        const userId = findPerson === null ? around : await findPerson(database.sql, campaignId)
        if (standing === null) throw unknownCampaign(campaignId)
        const people =
          userId === null
            ? await reader.top(campaignId, options.top)
            : await neighbours(reader, campaignId, userId, Math.floor(options.top / 2))
        if (options.json === true) terminal.out(renderJson({ ...standing, people }))
        else {
          for (const sentence of standingSentences(standing)) terminal.out(sentence)
          if (people.length > 0) terminal.out(table(people, terminal.columns))
        }
      })
    })
}

/** @throws {OperatorError} the person is unknown, in another campaign, or not ranked */
async function neighbours(reader: LeaderboardReader, campaignId: string, userId: string, each: number): Promise<readonly RankedPerson[]> {
  const person = await reader.person(userId)
  if (person === null) throw unknownPerson(userId)
  if (person.campaignId !== campaignId) {
    throw new OperatorError(`Person ${userId} takes part in another campaign: give --campaign ${person.campaignId}.`)
  }
  const why = notRanked(person)
  if (why !== null) throw new OperatorError(`Person ${userId} is not ranked and has no neighbours: ${notRankedBecause[why]}.`)
  return reader.around(campaignId, userId, each)
}

function table(people: readonly RankedPerson[], columns: number | null): string {
  return renderTable(
    ['POSITION', 'PERSON', 'SCORE', 'ORIGINAL', 'REFERRALS', 'STATE'],
    people.map((one) => [one.position, one.userId, one.score, one.originalPosition, one.verifiedReferrals, one.dirty ? 'dirty' : 'ranked']),
    columns,
  )
}
