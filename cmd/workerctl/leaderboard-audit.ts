import type { Command } from 'commander'
import { createLeaderboardAuditor } from '../../src/leaderboard/postgres-audit.ts'
import { checkSchema } from '../../src/infra/postgres/schema/schema-check.ts'
import { auditWithRetry, auditSentences, busySentence, requireCorrect, verdictOf } from '../../src/leaderboard/audit.ts'
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

/** How long the audit waits for the lock of one campaign. */
const WAIT_MS = 10_000
/** Differences named per campaign. */
const NAMED = 5

const HELP = `
Without --campaign, audits all campaigns that are not deleted, one at a time; correct ones are only counted. Each audit holds the
lock of the campaign's recalculations, for some seconds per million participants; they wait meanwhile.

  misplaced  the position does not follow from the stored scores: a row was deleted physically, or a created_at or a position
             was edited by hand. Recalculations rarely notice that: use --repair
  stale      the row, or the campaign's points, changed since it was ranked: a recalculation is pending, or the sweep of a running
             daemon requests it
  difference a row that a full ranking would write, for either cause or because other participants moved

Exit code 0 if there is no difference, all were repaired, or all are stale with a recalculation pending; otherwise 1.

Examples:
  npm run workerctl -- leaderboard audit
  npm run workerctl -- leaderboard audit --campaign 0c9e6c1f-3b1d-4f0e-8d8a-5f0f7a1e2b33 --repair`

export function addLeaderboardAudit(parent: Command, terminal: Terminal): void {
  parent
    .command('audit')
    .description('compare stored positions with a full ranking; writes only with --repair')
    .option('--campaign <uuid>', 'only this campaign, even if it is deleted')
    .option('--repair', 'correct the differences, as a recalculation would')
    .option('--json', 'print one JSON object')
    .addHelpText('after', HELP)
    .action(async (options: Options) => {
      const { config, groups } = configure(terminal)
      const campaignId = uuidOf('--campaign', options.campaign)
      const { history, sweepMs } = config.leaderboard
      await withDatabase(
        config,
        async (database) => {
          await checkSchema(database.sql)
          const auditor = createLeaderboardAuditor(database, { group: leaderboardGroup(groups), history, named: NAMED })
          const campaigns = await auditor.campaigns(campaignId)
          if (campaignId !== null && campaigns.length === 0) throw unknownCampaign(campaignId)
          const print = (line: string) => options.json !== true && terminal.out(line)
          const { reported, busy } = await auditAll(auditor, campaigns, options.repair === true, campaignId !== null, print)
          if (options.json === true)
            terminal.out(renderJson({ audited: campaigns.length - busy.length, ...totals(reported), campaigns: reported, busy }))
          else if (campaignId === null) terminal.out(summary(campaigns.length - busy.length, reported))
          requireCorrect(reported, busy, sweepMs)
        },
        { statementTimeoutMs: WHOLE_TABLE_MS },
      )
    })
}

/** Audits one campaign at a time and prints each at once; correct ones only with `includeCorrect`. */
async function auditAll(
  auditor: LeaderboardAuditor,
  campaigns: readonly string[],
  repair: boolean,
  includeCorrect: boolean,
  print: (line: string) => void,
): Promise<{ reported: readonly CampaignAudit[]; busy: readonly Busy[] }> {
  const reported: CampaignAudit[] = []
  const busy: Busy[] = []
  for (const campaignId of campaigns) {
    const audited = await auditWithRetry(auditor, campaignId, { repair, waitMs: WAIT_MS, clock: systemClock })
    if ('busy' in audited) {
      busy.push(audited)
      print(busySentence(audited, WAIT_MS))
    } else if (includeCorrect || verdictOf(audited) !== 'right') {
      reported.push(audited)
      for (const line of auditSentences(audited)) print(line)
    }
  }
  return { reported, busy }
}

function totals(reported: readonly CampaignAudit[]): { differences: number; repaired: number } {
  const sum = (of: (audit: CampaignAudit) => number) => reported.reduce((total, audit) => total + of(audit), 0)
  return { differences: sum(({ differences }) => differences), repaired: sum(({ repaired }) => repaired ?? 0) }
}

function summary(audited: number, reported: readonly CampaignAudit[]): string {
  const { differences } = totals(reported)
  const where = differences === 0 ? '' : ` in ${reported.length} of them`
  return `${audited} ${audited === 1 ? 'campaign' : 'campaigns'} audited: ${differences} ${differences === 1 ? 'difference' : 'differences'}${where}.`
}
