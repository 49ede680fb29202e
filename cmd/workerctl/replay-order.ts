import type { Command } from 'commander'
import type { Config } from '../../config/load.ts'
import type { Foresee } from '../../src/admin/replay/foresee.ts'
import type { ReplayOrder } from '../../src/admin/replay/replay-admin.ts'
import { isEmptyPlan, planSentences, withoutSubjects, type ReplayPlan } from '../../src/admin/replay/replay-plan.ts'
import { parseBound, rangesOf, type ReplayBound } from '../../src/admin/replay/replay-range.ts'
import { NO_EFFECT, replayFilter, replayGroups, requireConfirmed, type TypedReplayFilter } from '../../src/admin/replay/replay-request.ts'
import type { OperatorGroup } from '../../src/admin/operator-group.ts'
import { requireShowable } from '../../src/admin/showable-text.ts'
import { requireTopics } from '../../src/admin/require-topics.ts'
import { composeConsumers } from '../../src/daemon/compose/consumers.ts'
import { withForesight } from '../../src/daemon/compose/foresight.ts'
import { rehearseRange } from '../../src/daemon/compose/rehearse-range.ts'
import { createProgressAdmin } from '../../src/infra/postgres/admin/postgres-progress-admin.ts'
import { createReplayAdmin } from '../../src/infra/postgres/admin/postgres-replay-admin.ts'
import { checkSchema } from '../../src/infra/postgres/schema/schema-check.ts'
import type { LogAdmin } from '../../src/ingest/log-admin.ts'
import type { Consumer } from '../../src/model/consumer.ts'
import type { ReplayFilter } from '../../src/model/replay.ts'
import { systemClock } from '../../src/std/clock.ts'
import { OperatorError } from '../../src/std/failure.ts'
import type { Database } from '../../src/std/sql.ts'
import { configure, WHOLE_TABLE_MS, withDatabase, withKafka } from './connections.ts'
import { recordOutcome } from './intents-change.ts'
import { partitionNumbers } from './offsets-reset.ts'
import { renderJson } from './render-json.ts'
import type { Terminal } from './terminal.ts'
import { wholeNumber } from './whole-number.ts'

interface Selection extends TypedReplayFilter {
  readonly group: string
  readonly from: string
  readonly to: string
  readonly partition?: readonly number[]
  readonly allowOlder?: boolean
  readonly cap: number
  readonly json?: boolean
}

interface Ordering extends Selection {
  readonly confirm?: number
  readonly rate: number
  readonly sendRate: number
  readonly owner?: string
  readonly because?: string
}

const EXAMPLE_ID = '0c9e6c1f-3b1d-4f0e-8d8a-5f0f7a1e2b33'

const SEMANTICS = `
A group decides records again that it has read. Effects that were sent or delivered, or are under way, are left alone; missing ones follow,
and so do those that ended skipped, dead, rejected or cancelled. Nothing is sent twice. Live work goes first.`

const PLAN_HELP = `${SEMANTICS}
The plan reads the range, accepts and prepares, and rolls everything back. It works beside running daemons.

Examples:
  npm run workerctl -- replay plan --group email-workers --from 2026-01-31T00:00:00Z
  npm run workerctl -- replay plan --group email-workers --partition 3 --from 1200 --to 1300
  npm run workerctl -- replay plan --group email-workers,reward-workers --from earliest --type reward.earned --campaign ${EXAMPLE_ID}`

const RUN_HELP = `${SEMANTICS}
Without --confirm it only shows the plan. The number is the plan's count of effects; when it is another one by now, nothing is started.
A daemon that runs the group does the replay: replay show follows it.

Examples:
  npm run workerctl -- replay run --group email-workers --from 2026-01-31T00:00:00Z
  npm run workerctl -- replay run --group email-workers --from 2026-01-31T00:00:00Z --confirm 120 --owner ada --because "template fixed"`

export function addReplayPlan(parent: Command, terminal: Terminal): void {
  selecting(parent.command('plan').description('show what a replay would do, without doing it'))
    .addHelpText('after', PLAN_HELP)
    .action(async (selection: Selection) => {
      await withPlans(selection, terminal, async (plans) => {
        if (selection.json === true) terminal.out(renderJson({ effects: effectsOf(plans), plans }))
        else show(plans, terminal)
      })
    })
}

export function addReplayRun(parent: Command, terminal: Terminal): void {
  selecting(parent.command('run').description('order a replay, whose effects are confirmed by their number'))
    .option('--confirm <count>', "the plan's number of effects", wholeNumber(0, 1_000_000_000))
    .option('--rate <number>', 'events that are read in a second', wholeNumber(1, 100_000), 1_000)
    .option('--send-rate <number>', 'intents that become due in a second, after a ramp of 1, 10 and 100', wholeNumber(1, 100_000), 100)
    .option('--owner <name>', 'who orders it; required with --confirm')
    .option('--because <text>', 'why; required with --confirm')
    .addHelpText('after', RUN_HELP)
    .action(async (ordering: Ordering) => {
      const { confirm, owner, because, json } = ordering
      if (confirm !== undefined && (owner === undefined || because === undefined)) {
        throw new OperatorError('Say who orders the replay and why: add --owner NAME and --because TEXT. Nothing was started.')
      }
      const act = {
        owner: owner === undefined ? '' : requireShowable('--owner', owner),
        because: because === undefined ? '' : requireShowable('--because', because),
      }
      await withPlans(ordering, terminal, async (plans, database) => {
        const effects = effectsOf(plans)
        if (json !== true) show(plans, terminal)
        if (confirm !== undefined)
          requireConfirmed(
            plans.map(({ plan }) => plan),
            confirm,
          )
        const orders = plans.map((plan): ReplayOrder => ({
          ...plan,
          plan: withoutSubjects(plan.plan),
          allowOlder: ordering.allowOlder === true,
          eventRate: ordering.rate,
          sendRate: ordering.sendRate,
          cap: ordering.cap,
          confirmed: plan.plan.effects,
        }))
        const jobs = confirm === undefined ? [] : await createReplayAdmin(database, recordOutcome).create(orders, act)
        if (json === true) return terminal.out(renderJson({ effects, plans, ordered: confirm !== undefined, jobs }))
        terminal.out(
          confirm === undefined
            ? plans.every(({ plan }) => isEmptyPlan(plan))
              ? `Nothing was started: ${NO_EFFECT}.`
              : `Nothing was started: add --confirm ${effects} --owner NAME --because TEXT to run it.`
            : `Ordered: replay ${jobs.join(', ')}. A daemon that runs the group begins within seconds; workerctl replay show ${jobs[0]} follows it.`,
        )
      })
    })
}

/** The options that plan and run share. */
function selecting(command: Command): Command {
  return command
    .requiredOption('--group <groups>', 'the groups, with or without KAFKA_GROUP_PREFIX')
    .requiredOption('--from <position>', 'earliest, an offset, or a time, such as 7d or 2026-01-31T00:00:00Z')
    .option('--to <position>', 'the end, which is not read any more: latest, an offset, or a time', 'latest')
    .option('--partition <numbers>', 'only these partitions, such as 3 or 0,4,7', partitionNumbers)
    .option('--type <types>', 'only events of these types')
    .option('--campaign <ids>', 'only events of these campaigns')
    .option('--user <ids>', 'only events that name one of these people')
    .option('--event <ids>', 'only these events')
    .option('--allow-older', 'also records older than DEDUPE_DAYS, whose effects may be forgotten: they may happen a second time')
    .option('--cap <number>', 'mails of replays for one person and day', wholeNumber(1, 10_000), 5)
    .option('--json', 'print one JSON object')
}

/** A group with its frozen ranges and what would happen. */
interface Planned extends Pick<ReplayOrder, 'group' | 'topic' | 'topicId' | 'ranges' | 'filter'> {
  readonly plan: ReplayPlan
}

async function withPlans(
  selection: Selection,
  terminal: Terminal,
  work: (plans: readonly Planned[], database: Database) => Promise<void>,
): Promise<void> {
  const { config, groups } = configure(terminal)
  const filter = replayFilter(selection)
  const bounds = { from: parseBound('--from', selection.from, systemClock.now()), to: parseBound('--to', selection.to, systemClock.now()) }
  const chosen = replayGroups(selection.group, groups)
  const consumers = new Map(composeConsumers(config).map((consumer) => [consumer.name, consumer]))
  await withKafka(config, (admin) =>
    withDatabase(
      config,
      async (database) => {
        await checkSchema(database.sql)
        await requireTopics(admin, chosen)
        const plans = await withForesight({ consumers: [...consumers.values()], read: database.sql }, async (foresee) => {
          const made: Planned[] = []
          for (const group of chosen) {
            const consumer = consumers.get(group.name)
            if (consumer !== undefined)
              made.push(await planOf({ config, consumer, group, filter, ...bounds, ...selectionOf(selection), foresee }, admin, database))
          }
          return made
        })
        await work(plans, database)
      },
      { statementTimeoutMs: WHOLE_TABLE_MS },
    ),
  )
}

function selectionOf({ partition, allowOlder, cap }: Selection) {
  return { partitions: partition ?? null, allowOlder: allowOlder === true, cap }
}

async function planOf(
  request: {
    readonly config: Config
    readonly consumer: Consumer
    readonly group: OperatorGroup
    readonly filter: ReplayFilter
    readonly from: ReplayBound
    readonly to: ReplayBound
    readonly partitions: readonly number[] | null
    readonly allowOlder: boolean
    readonly cap: number
    readonly foresee: Foresee
  },
  admin: LogAdmin,
  database: Database,
): Promise<Planned> {
  const { config, consumer, group, filter, from, to, partitions, allowOlder, cap, foresee } = request
  const { id, topic } = group
  const at = (bound: ReplayBound) => (bound instanceof Date ? admin.offsetsAt(topic, bound) : new Map<number, bigint>())
  const offsetsAt = { from: await at(from), to: await at(to) }
  const rows = await createProgressAdmin(database).readProgress(id, topic)
  const ranges = rangesOf({ group: id, topic, from, to, partitions, rows, logs: await admin.ranges(topic), offsetsAt })
  const plan = await rehearseRange(config, database, consumer, foresee, {
    group: id,
    topic,
    filter,
    ranges,
    allowOlder,
    cap,
    revives: true,
  })
  return { group: id, topic, topicId: await admin.topicId(topic), ranges, filter, plan }
}

function effectsOf(plans: readonly Planned[]): number {
  return plans.reduce((sum, { plan }) => sum + plan.effects, 0)
}

function show(plans: readonly Planned[], terminal: Terminal): void {
  for (const { group, ranges, plan } of plans) for (const sentence of planSentences(group, ranges, plan)) terminal.out(sentence)
}
