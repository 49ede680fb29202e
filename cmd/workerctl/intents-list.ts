import type { Command } from 'commander'
import { channelList } from '../../src/daemon/compose/channels.ts'
import { createIntentAdmin } from '../../src/infra/postgres/admin/postgres-intent-admin.ts'
import { checkSchema } from '../../src/infra/postgres/schema/schema-check.ts'
import type { IntentLine } from '../../src/admin/intents/intent-admin.ts'
import { intentFilter, type TypedFilter } from '../../src/admin/intents/intent-filter.ts'
import { stamp } from '../../src/std/ago.ts'
import { systemClock } from '../../src/std/clock.ts'
import { instantOf } from '../../src/std/instant.ts'
import { configure, WHOLE_TABLE_MS, withDatabase } from './connections.ts'
import { addIntentFilter, requireExistingNames, personFilter } from './intent-options.ts'
import type { PersonOptions } from './person-option.ts'
import { renderJson } from './render-json.ts'
import { renderTable } from './render-table.ts'
import type { Terminal } from './terminal.ts'
import { wholeNumber } from './whole-number.ts'

interface Options extends TypedFilter, PersonOptions {
  readonly limit: number
  readonly json?: boolean
}

const HELP = `
Newest first. ABOUT is the type of a mail, or the user_rewards row of a reward; SINCE is the time at which the intent finished, or
was created if it is unfinished. Mails in doubt are listed with their Message-ID.

Examples:
  npm run workerctl -- intents list --state held
  npm run workerctl -- intents list --email guest@example.com
  npm run workerctl -- intents list --state dead,rejected --campaign 0c9e6c1f-3b1d-4f0e-8d8a-5f0f7a1e2b33
  npm run workerctl -- intents list --reason manual        rewards to be delivered by hand, with person and reward`

export function addIntentsList(parent: Command, terminal: Terminal): void {
  addIntentFilter(parent.command('list').description('list intents by state, reason, person and more'))
    .option('--limit <count>', 'maximum number of intents listed', wholeNumber(1, 100_000), 100)
    .option('--json', 'print one JSON object')
    .addHelpText('after', HELP)
    .action(async (options: Options) => {
      const { config, groups } = configure(terminal)
      const typed = intentFilter(options, [], groups)
      const completed = personFilter(options)
      const { counts, intents } = await withDatabase(
        config,
        async (database) => {
          await checkSchema(database.sql)
          const admin = createIntentAdmin(database, channelList)
          const filter = completed === null ? typed : await completed(typed, database.sql)
          await requireExistingNames(filter, admin)
          return admin.snapshot(async (reads) => ({ counts: await reads.counts(filter), intents: await reads.list(filter, options.limit) }))
        },
        { statementTimeoutMs: WHOLE_TABLE_MS },
      )
      const matching = counts.reduce((sum, { count }) => sum + count, 0)
      if (options.json === true) terminal.out(renderJson({ matching, intents }))
      else show(intents, matching, terminal)
    })
}

function show(intents: readonly IntentLine[], matching: number, terminal: Terminal): void {
  const now = systemClock.now()
  if (matching === 0) {
    terminal.out('No intent matches.')
    return
  }
  const isInDoubt = intents.some(({ state, messageId }) => messageId !== null && (state === 'held' || state === 'ambiguous'))
  const hasRewards = intents.some(({ rewardId }) => rewardId !== null)
  const isAway = intents.some(({ away }) => away !== null)
  terminal.out(
    renderTable(
      [
        'ID',
        'STATE',
        'REASON',
        'GROUP',
        'KIND',
        'ABOUT',
        ...(hasRewards ? ['REWARD'] : []),
        'PERSON',
        'CAMPAIGN',
        'ATTEMPT',
        'SINCE',
        ...(isInDoubt ? ['MESSAGE-ID'] : []),
        ...(isAway ? ['AWAY', 'AWAY SINCE'] : []),
      ],
      intents.map((one) => [
        Number(one.id),
        one.state,
        one.reason,
        one.group,
        one.kind,
        one.type ?? one.userRewardId,
        ...(hasRewards ? [one.rewardId] : []),
        one.userId,
        one.campaignId,
        one.attempt,
        stamp(one.finishedAt ?? one.createdAt, now),
        ...(isInDoubt ? [one.messageId] : []),
        ...(isAway ? [awayOf(one), one.away && stamp(instantOf(one.away.since), now)] : []),
      ]),
      terminal.columns,
    ),
  )
  if (matching > intents.length) terminal.out(`${matching} match, the newest ${intents.length} are shown: raise --limit for more.`)
}

function awayOf({ away }: IntentLine): string | null {
  return away && (away.host === null ? away.destination : `${away.destination} ${away.host}`)
}
