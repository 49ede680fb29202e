import type { Command } from 'commander'
import { createLeaderboardAuditor } from '../../src/leaderboard/postgres-audit.ts'
import { checkSchema } from '../../src/infra/postgres/schema/schema-check.ts'
import { auditPatiently, auditSentences, busySentence, requireRight, verdictOf } from '../../src/leaderboard/audit.ts'
import type { Busy, CampaignAudit, LeaderboardAuditor } from '../../src/leaderboard/audit.ts'
import { unknownCampaign } from '../../src/leaderboard/standings.ts'
import { uuidOf } from '../../src/admin/intents/intent-filter.ts'
import { systemClock } from '../../src/std/clock.ts'
import { configure, WHOLE_TABLE_MS, withDatabase } from './connections.ts'
import { leaderboardGroup } from './leaderboard-group.ts'
import { renderJson } from './render-json.ts'
import type { Terminal } from './terminal.ts'

interface Options {
  readonly campaign?: string
  readonly repair?: boolean
  readonly json?: boolean
}

/** For the lock of one campaign. */
const WAIT_MS = 10_000
/** Differences of one campaign that are named. */
const NAMED = 5

const HELP = `
Without --campaign all campaigns that are not deleted, one after the other; those where all is right are only counted. Each is
looked at under the lock that recalculations take, some seconds for a million people; its own recalculations wait meanwhile.

  misplaced  the position does not follow from the stored scores: somebody was deleted for good, a created_at or a position
             was edited by hand. Recalculations notice that only by chance: --repair
  stale      the row, or the campaign's points, changed since it was ranked: a recalculation is pending, or the sweep of a
             running daemon asks for one
  difference a row that a full ranking would write, for either cause or because others moved

Exits 0 when nothing differs, all was repaired, or all that differs is stale and a recalculation is pending; otherwise 1.

Examples:
  npm run workerctl -- leaderboard audit
  npm run workerctl -- leaderboard audit --campaign 0c9e6c1f-3b1d-4f0e-8d8a-5f0f7a1e2b33 --repair`

export function addLeaderboardAudit(parent: Command, terminal: Terminal): void {
  parent
    .command('audit')
    .description('compare stored positions with a full ranking; write nothing unless told to repair')
    .option('--campaign <uuid>', 'only this campaign, deleted or not')
    .option('--repair', 'rank anew what differs, as a recalculation would')
    .option('--json', 'print one JSON object')
    .addHelpText('after', HELP)
    .action(async (options: Options) => {
      const { config, groups } = configure(terminal)
      const asked = uuidOf('--campaign', options.campaign)
      const { history, sweepMs } = config.leaderboard
      await withDatabase(
        config,
        async (database) => {
          await checkSchema(database.sql)
          const auditor = createLeaderboardAuditor(database, { group: leaderboardGroup(groups), history, named: NAMED })
          const campaigns = await auditor.campaigns(asked)
          if (asked !== null && campaigns.length === 0) throw unknownCampaign(asked)
          const tell = (line: string) => options.json !== true && terminal.out(line)
          const { told, busy } = await auditAll(auditor, campaigns, options.repair === true, asked !== null, tell)
          if (options.json === true)
            terminal.out(renderJson({ audited: campaigns.length - busy.length, ...totals(told), campaigns: told, busy }))
          else if (asked === null) terminal.out(summary(campaigns.length - busy.length, told))
          requireRight(told, busy, sweepMs)
        },
        { statementTimeoutMs: WHOLE_TABLE_MS },
      )
    })
}

/** One after the other, told of as they come; those that are right only when one was asked for. */
async function auditAll(
  auditor: LeaderboardAuditor,
  campaigns: readonly string[],
  repair: boolean,
  tellsRight: boolean,
  tell: (line: string) => void,
): Promise<{ told: readonly CampaignAudit[]; busy: readonly Busy[] }> {
  const told: CampaignAudit[] = []
  const busy: Busy[] = []
  for (const campaignId of campaigns) {
    const audited = await auditPatiently(auditor, campaignId, { repair, waitMs: WAIT_MS, clock: systemClock })
    if ('busy' in audited) {
      busy.push(audited)
      tell(busySentence(audited, WAIT_MS))
    } else if (tellsRight || verdictOf(audited) !== 'right') {
      told.push(audited)
      for (const line of auditSentences(audited)) tell(line)
    }
  }
  return { told, busy }
}

function totals(told: readonly CampaignAudit[]): { differences: number; repaired: number } {
  const sum = (of: (audit: CampaignAudit) => number) => told.reduce((total, audit) => total + of(audit), 0)
  return { differences: sum(({ differences }) => differences), repaired: sum(({ repaired }) => repaired ?? 0) }
}

function summary(audited: number, told: readonly CampaignAudit[]): string {
  const { differences } = totals(told)
  const where = differences === 0 ? '' : ` in ${told.length} of them`
  return `${audited} ${audited === 1 ? 'campaign' : 'campaigns'} audited: ${differences} ${differences === 1 ? 'difference' : 'differences'}${where}.`
}
