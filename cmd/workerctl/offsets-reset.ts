import type { Command } from 'commander'
import type { Config } from '../../config/load.ts'
import { composeConsumers } from '../../src/daemon/compose/consumers.ts'
import { withForesight } from '../../src/daemon/compose/foresight.ts'
import { rehearseRange } from '../../src/daemon/compose/rehearse-range.ts'
import type { Database } from '../../src/std/sql.ts'
import { checkSchema } from '../../src/infra/postgres/schema/schema-check.ts'
import { createProgressAdmin } from '../../src/infra/postgres/admin/postgres-progress-admin.ts'
import { applyReset, requireStopped, runningRefusal } from '../../src/admin/offsets/apply-reset.ts'
import { findGroup, type OperatorGroup } from '../../src/admin/operator-group.ts'
import type { ProgressAdmin } from '../../src/admin/offsets/progress-admin.ts'
import { planReset, type ResetPlan } from '../../src/admin/offsets/reset-plan.ts'
import { effectsOfReset, type ResetEffects } from '../../src/admin/offsets/reset-effects.ts'
import { isDone, lossOf, resetSentences, resetTotals } from '../../src/admin/offsets/reset-summary.ts'
import { parseResetTarget, type ResetTarget } from '../../src/admin/offsets/reset-target.ts'
import { systemClock } from '../../src/std/clock.ts'
import { OperatorError } from '../../src/std/failure.ts'
import type { LogAdmin } from '../../src/ingest/log-admin.ts'
import { requireTopics } from '../../src/admin/require-topics.ts'
import { configure, withDatabase, withKafka } from './connections.ts'
import { decide, unapplied, type Decision } from './decide.ts'
import { renderJson } from './render-json.ts'
import { renderTable } from './render-table.ts'
import type { Terminal } from './terminal.ts'
import { leaderEpochs } from '../../src/ingest/log-faults.ts'
import { wholeNumber } from './whole-number.ts'
import { DAY_MS } from '../../src/std/day.ts'

interface Options {
  readonly group: string
  readonly to: string
  readonly partition?: readonly number[]
  readonly acceptLoss?: boolean
  readonly dryRun?: boolean
  readonly yes?: boolean
  readonly json?: boolean
}

const HELP = `
Moves the progress rows in the database, which are authoritative, and with them Kafka's committed offsets. The group must have no
members: stop its workers, unless they stopped the group themselves because of a loss. Shows the plan and prompts on a terminal;
elsewhere --yes is required. --dry-run works while the group runs, and says that the reset is refused as long as it does. To have records
handled again without a stop, use "replay run".

--to committed takes Kafka's committed offsets, as another program left them: the nearest offset that the log still has, and the
beginning of a partition without a committed offset.

After a reset backwards records are read again; effects are idempotent by key, so nothing is sent twice. Records older than
DEDUPE_DAYS, whose effects may be forgotten, become dead letters; records that were on the topic before the group's first start
are exempt from that until the group has read all of them once.
A reset forwards over unread records requires --accept-loss, and so does one over a range that the log has lost.

Examples:
  npm run workerctl -- offsets reset --group email-workers --to earliest --dry-run
  npm run workerctl -- offsets reset --group email-workers --to 2026-01-31T00:00:00Z --yes
  npm run workerctl -- offsets reset --group email-workers --partition 3 --to 1200 --accept-loss --yes
  npm run workerctl -- offsets reset --group email-workers --partition 0,4,7 --to earliest --accept-loss`

export function addOffsetsReset(parent: Command, terminal: Terminal): void {
  parent
    .command('reset')
    .description('set the offsets at which a stopped group continues')
    .requiredOption('--group <group>', 'the group, with or without KAFKA_GROUP_PREFIX')
    .requiredOption('--to <position>', 'earliest, latest, committed, an offset, or a time, such as 2h or 2026-01-31T00:00:00Z')
    .option('--partition <numbers>', 'only these partitions, such as 3 or 0,4,7', partitionNumbers)
    .option('--accept-loss', 'skip records that were not read')
    .option('--dry-run', 'show the plan without applying it')
    .option('--yes', 'apply the plan without a prompt')
    .option('--json', 'print one JSON object; never prompts')
    .addHelpText('after', HELP)
    .action(async (options: Options) => {
      const { config, groups } = configure(terminal)
      const group = findGroup(groups, options.group)
      const target = parseResetTarget(options.to, systemClock.now())
      const { dedupeDays } = config.accept
      await withKafka(config, (admin) =>
        withDatabase(config, async (database) => {
          await checkSchema(database.sql)
          await requireTopics(admin, [group])
          if (options.dryRun !== true) await requireStopped(admin, group.id)
          const progress = createProgressAdmin(database)
          const plan = await planOf({ group, target, partitions: options.partition ?? null, dedupeDays }, admin, progress)
          const refusal = options.dryRun === true ? await runningRefusal(admin, group.id) : null
          if (options.json !== true) show(plan, dedupeDays, terminal)
          requireAcceptance(plan, options)
          const effects = await effectsOf(plan, group, config, database)
          if (options.json !== true) for (const sentence of effects.flatMap(({ sentences }) => sentences)) terminal.out(sentence)
          const decided = await decide(!isDone(plan), options, terminal)
          if (decided === 'apply') await applyReset(plan, { progress, admin })
          if (options.json === true) terminal.out(jsonOf(plan, decided, effects, refusal))
          else {
            if (refusal !== null) terminal.out(`As long as the group runs, this reset is refused. ${refusal}`)
            terminal.out(conclusions[decided])
          }
        }),
      )
    })
}

async function planOf(
  request: { group: OperatorGroup; target: ResetTarget; partitions: readonly number[] | null; dedupeDays: number },
  admin: LogAdmin,
  progress: ProgressAdmin,
): Promise<ResetPlan> {
  const { id, topic } = request.group
  const { target, partitions } = request
  const committed = await admin.committed(id, topic)
  const rows = await progress.readProgress(id, topic)
  const offsetsAtTime = target instanceof Date ? await admin.offsetsAt(topic, target) : new Map<number, bigint>()
  const rememberedFrom = await admin.offsetsAt(topic, new Date(systemClock.now() - request.dedupeDays * DAY_MS))
  const ranges = await admin.ranges(topic)
  const topicId = await admin.topicId(topic)
  const epochEnds = await admin.epochEnds(topic, leaderEpochs(rows))
  return planReset({ group: id, topic, topicId, target, partitions, rows, committed, ranges, epochEnds, offsetsAtTime, rememberedFrom })
}

const partitionNumber = wholeNumber(0, 1_000_000)

/** Partitions as an operator types them, separated by commas. */
export function partitionNumbers(text: string): readonly number[] {
  return [...new Set(text.split(',').map(partitionNumber))]
}

/** A dry run shows the loss without being refused. */
function requireAcceptance(plan: ResetPlan, { acceptLoss, dryRun }: Options): void {
  const loss = lossOf(plan)
  if (loss === null || acceptLoss === true || dryRun === true) return
  throw new OperatorError(`Refused, because ${loss}: add --accept-loss if that is what you want. Nothing was changed.`)
}

function show(plan: ResetPlan, dedupeDays: number, terminal: Terminal): void {
  terminal.out(`Plan for ${plan.group} on ${plan.topic}:`)
  terminal.out(
    renderTable(
      ['PARTITION', 'ROW', 'COMMITTED', 'TO', 'AGAIN', 'UNREAD', 'LOST'],
      plan.moves.map((move) => [move.partition, move.from, move.committed, move.to, move.again, move.unread, move.lost]),
      terminal.columns,
    ),
  )
  for (const sentence of resetSentences(plan, dedupeDays)) terminal.out(sentence)
}

/** Of a group that this build runs. */
async function effectsOf(plan: ResetPlan, group: OperatorGroup, config: Config, database: Database): Promise<readonly ResetEffects[]> {
  const consumers = composeConsumers(config)
  const consumer = consumers.find(({ name }) => name === group.name)
  if (consumer === undefined) return []
  return withForesight({ consumers, read: database.sql }, (foresee) =>
    effectsOfReset(plan, {
      foresee,
      rehearse: (range, live, signal) => rehearseRange(config, database, consumer, live, range, signal),
    }),
  )
}

function jsonOf(plan: ResetPlan, decided: Decision, effects: readonly ResetEffects[], refusal: string | null): string {
  const needsAcceptLoss = lossOf(plan) !== null
  return renderJson({
    ...plan,
    ...resetTotals(plan),
    effects: effects.map(({ of, shown, all, error, plan: found }) => ({ of, shown, all, error, ...found })),
    needsAcceptLoss,
    refusal,
    changes: !isDone(plan),
    applied: decided === 'apply',
  })
}

const conclusions: Readonly<Record<Decision, string>> = {
  apply: 'Done: workers of the group start at these offsets; running workers that had stopped the group resume by themselves.',
  nothing: 'Nothing to do: progress rows and committed offsets are already there.',
  ...unapplied,
}
