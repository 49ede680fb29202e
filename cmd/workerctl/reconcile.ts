import type { Command } from 'commander'
import { createFactReader } from '../../src/infra/postgres/admin/postgres-fact-reader.ts'
import { createPauseAdmin } from '../../src/infra/postgres/admin/postgres-pause-admin.ts'
import { createProgressAdmin } from '../../src/infra/postgres/admin/postgres-progress-admin.ts'
import { checkSchema } from '../../src/infra/postgres/schema/schema-check.ts'
import type { OperatorGroup } from '../../src/admin/operator-group.ts'
import {
  factTypes,
  publishFacts,
  reconcile,
  type CoveringGroup as ComparedGroup,
  type FactReader,
  type Reconciliation,
  type Window,
} from '../../src/admin/reconcile-facts.ts'
import { behindSentences, compareWindow, groupsBehind } from '../../src/admin/reconcile-window.ts'
import { parseTime } from '../../src/admin/time-option.ts'
import { systemClock } from '../../src/std/clock.ts'
import { OperatorError } from '../../src/std/failure.ts'
import type { Consumer } from '../../src/model/consumer.ts'
import { createTypeFilter } from '../../src/ingest/type-filter.ts'
import type { Database } from '../../src/std/sql.ts'
import { defaultGroups } from '../../src/consumers/registry.ts'
import { configure, WHOLE_TABLE_MS, withDatabase, withKafka } from './connections.ts'
import { decide, unapplied, type Decision } from './decide.ts'
import { withPublisher } from './events-publisher.ts'
import { renderJson } from './render-json.ts'
import { renderTable } from './render-table.ts'
import type { Terminal } from './terminal.ts'

interface CoveringGroup extends ComparedGroup {
  readonly topic: string
}

interface Options {
  readonly since?: string
  readonly until?: string
  readonly publish?: boolean
  readonly yes?: boolean
  readonly json?: boolean
}

/** Rows listed on a terminal; --json has all. */
const MOST_ROWS = 50
/** Events in one request. */
const BATCH = 500

const HELP = `
Finds people affected by a loss: after a topic was recreated, a range of records was lost, or groups were moved over unread
records. Reads the platform's rows (sign-ups, verifications, referrals, verified referrals, rewards), compares the ids of their
events with the outcomes of every group that has progress, and counts missing outcomes by type and campaign. Works while daemons
run, and reads those tables by primary key only. A group that runs only when named is included if KAFKA_GROUPS names it, otherwise
named as not compared: it may have ended. As it may have begun later, facts before its first outcome are not expected of it.

--publish publishes the missing facts again, with their original time and event ids: a group that has accepted one meanwhile
skips it, so nothing is sent twice. A fact on record under another id, such as that of an edited dead letter, is not missing,
and not published where only another group lacks it; dead letters are left to the decision about them (dlq). Without --publish
nothing is published.

By default the comparison goes back to the oldest outcome that is kept, at most DEDUPE_DAYS, and leaves out the last 5 minutes,
whose events may be in flight. Facts whose events may be among the records that a group has not read are never compared.
Milestones have no row in the platform's tables: publish a lost one again under its name, from which its id is derived. Types
whose publisher chooses event ids of its own cannot be compared and are listed.

Examples:
  npm run workerctl -- reconcile
  npm run workerctl -- reconcile --since 7d --publish`

export function addReconcile(parent: Command, terminal: Terminal): void {
  parent
    .command('reconcile')
    .description('find facts of the platform without an outcome, and publish them again')
    .option('--since <time>', 'only facts at or after this time, such as 7d or 2026-01-31T00:00:00Z')
    .option('--until <time>', 'only facts before this time (default: 5 minutes ago)')
    .option('--publish', 'publish what is missing')
    .option('--yes', 'publish without a prompt')
    .option('--json', 'print one JSON object; never prompts')
    .addHelpText('after', HELP)
    .action(async (options: Options) => {
      const { config, groups, consumers } = configure(terminal)
      const [since, until] = [options.since, options.until]
      const chosen = {
        since: since === undefined ? null : parseTime('--since', since, systemClock.now()),
        until: until === undefined ? null : parseTime('--until', until, systemClock.now()),
      }
      await withDatabase(
        config,
        async (database) => {
          await checkSchema(database.sql)
          const reader = createFactReader(database.sql)
          const { covering, notCompared } = await coveringGroups(database, reader, groups, consumers)
          const { dedupeDays } = config.accept
          const now = systemClock.now()
          const pauses = await createPauseAdmin(database).active()
          const behind = await withKafka(config, (log) =>
            groupsBehind(covering, { log, progress: createProgressAdmin(database), pauses, now, dedupeDays }),
          )
          const window = await compareWindow(reader, chosen, { now, dedupeDays, behind })
          const query = { groups: covering, window, staleBefore: new Date(systemClock.now() - config.mail.maxEventAgeMs) }
          const found = await reconcile(reader, query)
          if (options.json !== true) {
            show(found, covering, window, terminal)
            for (const sentence of behindSentences(behind, window)) terminal.out(sentence)
            for (const { id, name } of notCompared)
              terminal.out(
                `${id} has progress but is not compared, because KAFKA_GROUPS does not name it: include ${name} there if it runs.`,
              )
          }
          const missing = factTypes.reduce((sum, type) => sum + found.facts[type], 0) - found.elsewhere
          const decided = await decide(missing > 0, { ...options, dryRun: options.publish !== true }, terminal)
          const done = { published: 0, unpublishable: 0 }
          if (decided === 'apply') {
            await withPublisher(config, async (publisher) => {
              await reconcile(reader, query, async (facts) => {
                for (let at = 0; at < facts.length; at += BATCH) {
                  const { published, unpublishable } = await publishFacts(publisher, facts.slice(at, at + BATCH))
                  done.published += published
                  done.unpublishable += unpublishable
                }
              })
            })
          }
          if (options.json === true) {
            const left = { notCompared: notCompared.map(({ id }) => id), behind: behind.map(({ id, since }) => ({ group: id, since })) }
            terminal.out(renderJson({ ...window, ...found, ...left, ...done, applied: decided === 'apply' }))
          } else terminal.out(conclusionOf(decided, found, done))
        },
        { statementTimeoutMs: WHOLE_TABLE_MS },
      )
    })
}

/**
 * The groups with progress; a group without has never run here, and nothing of it was lost. A group that is not enabled is not compared: if
 * it was turned off, every later fact would be missing permanently.
 */
async function coveringGroups(
  database: Database,
  reader: FactReader,
  groups: readonly OperatorGroup[],
  consumers: ReadonlyMap<string, Pick<Consumer, 'types'>>,
): Promise<{ readonly covering: readonly CoveringGroup[]; readonly notCompared: readonly OperatorGroup[] }> {
  const progress = createProgressAdmin(database)
  const covering: CoveringGroup[] = []
  const notCompared: OperatorGroup[] = []
  for (const group of groups) {
    const { id, name, topic, enabled } = group
    const filter = createTypeFilter(consumers.get(name)?.types ?? [])
    if ((await progress.readProgress(id, topic)).length === 0) continue
    if (!enabled) {
      notCompared.push(group)
      continue
    }
    // A group that runs only when named may have begun later than the others.
    const isOptIn = !defaultGroups.includes(name)
    const since = isOptIn ? await reader.oldestOutcome(id) : null
    if (!isOptIn || since !== null) covering.push({ id, topic, since, handles: (type) => filter.handles(type) })
  }
  if (covering.length === 0 && notCompared.length > 0) {
    const [ids, names] = [notCompared.map(({ id }) => id).join(', '), notCompared.map(({ name }) => name).join(', ')]
    throw new OperatorError(`No group has progress in this database but ${ids}, not named in KAFKA_GROUPS: include ${names} there.`)
  }
  if (covering.length === 0)
    throw new OperatorError('No group has progress in this database, so nothing was lost: check DATABASE_URL or PG*.')
  return { covering, notCompared }
}

function show(found: Reconciliation, groups: readonly CoveringGroup[], { since, until }: Window, terminal: Terminal): void {
  const checked = factTypes
    .filter((type) => groups.some((group) => group.handles(type)))
    .map((type) => `${found.checked[type]} ${type}`)
    .join(', ')
  terminal.out(`Checked ${checked}, from ${since.toISOString()} to ${until.toISOString()}.`)
  const lines = found.uncovered.toSorted((a, b) => b.count - a.count)
  if (lines.length > 0) {
    terminal.out(
      renderTable(
        ['TYPE', 'CAMPAIGN', 'GROUP', 'MISSING'],
        lines.slice(0, MOST_ROWS).map(({ type, campaignId, group, count }) => [type, campaignId, group, count]),
        terminal.columns,
      ),
    )
  }
  if (lines.length > MOST_ROWS) terminal.out(`${lines.length - MOST_ROWS} more rows: see --json.`)
  for (const type of found.undecidable) {
    terminal.out(
      `${type}: the publisher seems to choose its own event ids, so missing facts cannot be determined; none of them is published.`,
    )
  }
  if (found.elsewhere > 0) {
    terminal.out(
      `${found.elsewhere} of them are on record in another group under an id of their own, as edited copies are, or are dead letters of another group: ` +
        `published again they would concern that group as well, so they are left out. Replay what the group lacks (dlq list, replay plan).`,
    )
  }
  if (found.deadLetters > 0)
    terminal.out(
      `${found.deadLetters} facts are not compared, because their events are dead letters of the groups that lack them: see dlq list.`,
    )
  if (found.stale > 0) terminal.out(`${found.stale} of them are older than MAIL_MAX_EVENT_AGE_SECONDS: published again, they send no mail.`)
}

function conclusionOf(
  decided: Decision,
  { elsewhere }: Reconciliation,
  { published, unpublishable }: { published: number; unpublishable: number },
): string {
  if (decided === 'nothing') return `Nothing to publish${elsewhere === 0 ? ': every fact that can be compared has an outcome' : ''}.`
  if (decided === 'dry-run') return 'Nothing was published: add --publish to publish what is missing.'
  if (decided !== 'apply') return unapplied[decided]
  const left = unpublishable === 0 ? '' : ` ${unpublishable} cannot be published, because their rows violate the schema of the event.`
  return `Done: ${published} published.${left}`
}
