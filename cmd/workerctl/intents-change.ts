import type { Command } from 'commander'
import { kindsOf } from '../../src/model/consumer.ts'
import type { Intent } from '../../src/model/intent.ts'
import { listedConsumers } from '../../src/consumers/registry.ts'
import { channelList } from '../../src/daemon/compose/channels.ts'
import { composeConsumers } from '../../src/daemon/compose/consumers.ts'
import { withForesight } from '../../src/daemon/compose/foresight.ts'
import { createKindTable } from '../../src/delivery/kind-table.ts'
import { createIntentAdmin } from '../../src/infra/postgres/admin/postgres-intent-admin.ts'
import { activePauses } from '../../src/infra/postgres/admin/postgres-pause-admin.ts'
import { checkSchema } from '../../src/infra/postgres/schema/schema-check.ts'
import type { IntentChange, IntentFilter, IntentLine, IntentReads, RecordOutcome } from '../../src/admin/intents/intent-admin.ts'
import { intentFilter, requireSelection, type TypedFilter } from '../../src/admin/intents/intent-filter.ts'
import {
  done,
  isPlanned,
  planIntents,
  planSentences,
  PREVIEWED,
  previewOf,
  previewSentences,
  waitingOf,
  requireEveryId,
  unsentOf,
} from '../../src/admin/intents/intent-plan.ts'
import type { Foreseen } from '../../src/admin/replay/foresee.ts'
import type { Config } from '../../config/load.ts'
import type { Database } from '../../src/std/sql.ts'
import { configure, WHOLE_TABLE_MS, withDatabase } from './connections.ts'
import { changedMeanwhile, decide, unapplied, type Decision } from './decide.ts'
import { addIntentFilter, requireExistingNames, personFilter } from './intent-options.ts'
import type { PersonOptions } from './person-option.ts'
import { renderJson } from './render-json.ts'
import type { Terminal } from './terminal.ts'
import { wholeNumber } from './whole-number.ts'

interface Options extends TypedFilter, PersonOptions {
  readonly now?: boolean
  readonly limit: number
  readonly dryRun?: boolean
  readonly yes?: boolean
  readonly json?: boolean
}

/** The verbs; `retry --now` makes another change. */
type Verb = Exclude<IntentChange, 'hurry'>

const descriptions: Readonly<Record<Verb, string>> = {
  retry: 'retry intents that are dead, rejected, skipped, cancelled or in doubt',
  cancel: 'cancel unfinished intents that no worker holds',
  'mark-sent': 'mark held mails as sent',
}

const HELP: Readonly<Record<Verb, string>> = {
  retry: `
The intents are due at once, with all their attempts. Frozen content stays: the same bytes, address, Message-ID and webhook-id.
Mails in doubt (held, ambiguous) may be sent a second time. With --now, pending intents are due now instead of later: attempts and waits
are not reset, and an intent whose cause of waiting is still there waits again.

Examples:
  npm run workerctl -- intents retry --state dead --reason no-endpoint --campaign 0c9e6c1f-3b1d-4f0e-8d8a-5f0f7a1e2b33 --dry-run
  npm run workerctl -- intents retry --state dead --reason endpoint-unavailable --destination 7c1f0f3e-64a0-4c1f-9d0b-2d1f2a4b5c6d --limit 100000
  npm run workerctl -- intents retry --now --account 5b0f0c52-1f6f-4c0e-9a55-2f6c0f6f7f10 --kind reward --dry-run
  npm run workerctl -- intents retry 4711 4712 --yes`,
  cancel: `
Their rows in email_logs and webhook_deliveries become failed with the cause, and so does delivery_error of a reward.

Examples:
  npm run workerctl -- intents cancel --state pending --campaign 0c9e6c1f-3b1d-4f0e-8d8a-5f0f7a1e2b33 --dry-run
  npm run workerctl -- intents cancel 4711 --yes`,
  'mark-sent': `
Check the relay's log for the Message-ID first. Their rows in email_logs become sent, and a reward that was mailed is delivered.

Examples:
  npm run workerctl -- intents list --state held
  npm run workerctl -- intents mark-sent 4711 --yes`,
}

export function addIntentsChange(parent: Command, verb: Verb, terminal: Terminal): void {
  const command = addIntentFilter(
    parent.command(verb).argument('[id...]', 'ids as shown by "intents list"').description(descriptions[verb]),
  )
    .option('--limit <count>', 'refuse the change when more match', wholeNumber(1, 1_000_000), 1_000)
    .option('--dry-run', 'show the plan without applying it')
    .option('--yes', 'apply the plan without a prompt')
    .option('--json', 'print one JSON object; never prompts')
    .addHelpText('after', HELP[verb])
  if (verb === 'retry') command.option('--now', 'make pending intents due now, instead of retrying those that ended')
  command.action(async (ids: string[], options: Options) => {
    const { config, groups } = configure(terminal)
    const change = options.now === true ? 'hurry' : verb
    const typed = intentFilter(options, ids, groups)
    const completed = personFilter(options)
    if (completed === null) requireSelection(typed)
    await withDatabase(
      config,
      async (database) => {
        await checkSchema(database.sql)
        const admin = createIntentAdmin(database, channelList)
        const filter = completed === null ? typed : await completed(typed, database.sql)
        await requireExistingNames(filter, admin)
        const { plan, kinds, intents, seen } = await admin.snapshot((reads) => lookAt(reads, change, filter, options.limit))
        const foreseen = await foreseenOf(intents, config, database)
        const [preview, unsent] = [previewOf(kinds, foreseen), unsentOf(change, foreseen)]
        const waiting = waitingOf(change, seen, await activePauses(database.sql))
        const sentences = [...planSentences(plan), ...previewSentences(preview, unsent, waiting)]
        if (options.json !== true) for (const sentence of sentences) terminal.out(sentence)
        const decided = await decide(plan.count > 0, options, terminal)
        const changed = decided === 'apply' ? await admin.change(change, seen, recordOutcome) : []
        const { count, states, left } = plan
        const missed = decided === 'apply' ? seen.length - changed.length : 0
        if (options.json === true) {
          terminal.out(
            renderJson({
              verb,
              now: change === 'hurry',
              planned: count,
              states,
              preview,
              unsent,
              waiting,
              subjectsOf: intents.length,
              left,
              applied: changed.length > 0,
              changed,
              missed,
            }),
          )
        }
        const [first] = seen
        if (decided === 'apply' && changed.length === 0 && first !== undefined)
          throw changedMeanwhile(`${seen.length} ${seen.length === 1 ? 'intent' : 'intents'}`, `intents show ${first.id}`)
        if (options.json !== true && decided !== 'nothing') terminal.out(conclusion(change, decided, seen, changed))
      },
      { statementTimeoutMs: WHOLE_TABLE_MS },
    )
  })
}

/** The plan, what it is about, and exactly the intents that it counts. */
async function lookAt(reads: IntentReads, change: IntentChange, filter: IntentFilter, limit: number) {
  if (filter.ids.length > 0) requireEveryId(filter.ids, await reads.list(filter, filter.ids.length))
  const plan = planIntents(change, filter, await reads.counts(filter), limit)
  if (plan.count === 0) return { plan, kinds: [], intents: [], seen: [] }
  const kinds = await reads.kinds(plan.filter)
  const intents = await reads.intents(plan.filter, PREVIEWED)
  const seen = (await reads.list(plan.filter, plan.found)).filter((intent) => isPlanned(plan, intent))
  return { plan, kinds, intents, seen }
}

/** By the platform's rows as they are now: a mail that would be skipped has no subject. */
async function foreseenOf(intents: readonly Intent[], config: Config, { sql }: Database): Promise<readonly Foreseen[]> {
  if (intents.length === 0) return []
  return withForesight({ consumers: composeConsumers(config), read: sql }, (foresee) => foresee(intents))
}

/** Updates the state that a kind keeps in the platform's tables, in the same way as a worker does. */
const kindTable = createKindTable(listedConsumers.flatMap(kindsOf))
export const recordOutcome: RecordOutcome = async (intent, outcome, tx) => {
  await kindTable.of(intent)?.recordOutcomes?.([{ intent, outcome }], tx)
}

function conclusion(
  change: IntentChange,
  decided: Exclude<Decision, 'nothing'>,
  seen: readonly IntentLine[],
  changed: readonly string[],
): string {
  if (decided !== 'apply') return unapplied[decided]
  const missed = seen.length - changed.length
  const result = `Done: ${changed.length} ${done[change]}.`
  return missed === 0
    ? result
    : `${result} ${missed} changed state meanwhile and ${missed === 1 ? 'was' : 'were'} not touched: run the command again to include ${missed === 1 ? 'it' : 'them'}.`
}
