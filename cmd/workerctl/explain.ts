import type { Command } from 'commander'
import { isProjecting } from '../../src/model/consumer.ts'
import { listedConsumers } from '../../src/consumers/registry.ts'
import { channelList } from '../../src/daemon/compose/channels.ts'
import { createExplainer } from '../../src/infra/postgres/admin/postgres-explainer.ts'
import { createIntentAdmin } from '../../src/infra/postgres/admin/postgres-intent-admin.ts'
import { createProgressAdmin } from '../../src/infra/postgres/admin/postgres-progress-admin.ts'
import { checkSchema } from '../../src/infra/postgres/schema/schema-check.ts'
import { explainEvent, explainPerson, explainReward } from '../../src/admin/explain-event.ts'
import { intentFilter, uuidOf } from '../../src/admin/intents/intent-filter.ts'
import { OperatorError } from '../../src/std/failure.ts'
import { groupsInUse, type OperatorGroup } from '../../src/admin/operator-group.ts'
import type { Database } from '../../src/std/sql.ts'
import { configure, WHOLE_TABLE_MS, withDatabase } from './connections.ts'
import { renderJson } from './render-json.ts'
import type { Terminal } from './terminal.ts'

interface Options {
  readonly event?: string
  readonly user?: string
  readonly reward?: string
  readonly json?: boolean
}

interface Explained {
  readonly found: object
  readonly sentences: readonly string[]
}

/** Maximum number of intents explained. */
const MOST = 50

const HELP = `
The reasons in brackets are explained in docs/reference/states.md.

Examples:
  npm run workerctl -- explain --event 550e8400-e29b-41d4-a716-446655440000
  npm run workerctl -- explain --reward 3f1c2a90-6f0e-4f5b-8a37-52a4f4d0c7b1      the id in user_rewards`

export function addExplain(parent: Command, terminal: Terminal): void {
  parent
    .command('explain')
    .description('explain what happened to an event, a person or a reward')
    .option('--event <uuid>', 'the id of the event')
    .option('--user <uuid>', 'the id in waitlist_users')
    .option('--reward <uuid>', 'the id in user_rewards')
    .option('--json', 'print one JSON object')
    .addHelpText('after', HELP)
    .action(async (options: Options) => {
      const { config, groups } = configure(terminal)
      const ids = [uuidOf('--event', options.event), uuidOf('--user', options.user), uuidOf('--reward', options.reward)] as const
      if (ids.filter((id) => id !== null).length !== 1) throw new OperatorError('Give exactly one of --event, --user and --reward.')
      const { found, sentences } = await withDatabase(
        config,
        async (database) => {
          await checkSchema(database.sql)
          return explained(ids, groups, database)
        },
        { statementTimeoutMs: WHOLE_TABLE_MS },
      )
      if (options.json === true) terminal.out(renderJson({ ...found, sentences }))
      else for (const sentence of sentences) terminal.out(sentence)
    })
}

async function explained(
  [eventId, userId, userRewardId]: readonly [string | null, string | null, string | null],
  groups: readonly OperatorGroup[],
  database: Database,
): Promise<Explained> {
  const explainer = createExplainer(database.sql, channelList)
  if (eventId !== null) {
    const records = await explainer.event(
      eventId,
      groups.map(({ id }) => id),
    )
    const intents = await createIntentAdmin(database, channelList).list({ ...intentFilter({}, [], groups), eventId }, MOST)
    const used = await groupsInUse(groups, createProgressAdmin(database))
    const known = used.map((group) => {
      const consumer = listedConsumers.find(({ name }) => name === group.name)
      return { ...group, types: consumer?.types ?? [], projects: consumer !== undefined && isProjecting(consumer) }
    })
    return { found: { groups: records, intents }, sentences: [...explainEvent(known, records, intents), ...more(intents)] }
  }
  if (userRewardId !== null) {
    const reward = await explainer.reward(userRewardId)
    const intents = await explainer.intents({ userRewardId }, MOST)
    return { found: { reward, intents }, sentences: explainReward(userRewardId, reward, intents) }
  }
  const intents = await explainer.intents({ userId: userId ?? '' }, MOST)
  return { found: { intents }, sentences: [...explainPerson(userId ?? '', intents), ...more(intents)] }
}

function more(intents: readonly object[]): readonly string[] {
  return intents.length < MOST ? [] : [`Only the newest ${MOST} are shown: "intents list" shows more.`]
}
