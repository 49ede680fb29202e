import type { Command } from 'commander'
import { createForgetter } from '../../src/infra/postgres/admin/postgres-forgetter.ts'
import { createProgressAdmin } from '../../src/infra/postgres/admin/postgres-progress-admin.ts'
import { checkSchema } from '../../src/infra/postgres/schema/schema-check.ts'
import { doneSentence, elsewhereSentences, forgetSentences } from '../../src/admin/forget-person.ts'
import type { Erased, Forgetter, PersonRecord, Retention } from '../../src/admin/forget-person.ts'
import { groupsInUse, type OperatorGroup } from '../../src/admin/operator-group.ts'
import { systemClock } from '../../src/std/clock.ts'
import { OperatorError } from '../../src/std/failure.ts'
import { deadLetterTopic } from '../../src/ingest/dead-letter.ts'
import type { Config } from '../../config/load.ts'
import { configure, WHOLE_TABLE_MS, withDatabase, withKafka } from './connections.ts'
import { decide, unapplied } from './decide.ts'
import { addPersonOptions, requiredPerson, type PersonOptions } from './person-option.ts'
import { renderJson } from './render-json.ts'
import type { Terminal } from './terminal.ts'

interface Options extends PersonOptions {
  readonly dryRun?: boolean
  readonly yes?: boolean
  readonly json?: boolean
}

/** A worker holds an intent for the deadline of a mail at most, usually for a few milliseconds. */
const WAIT_MS = 30_000
const LOOK_MS = 250

const HELP = `
Erases the personal data that the worker stores: in worker.intents the frozen mail, address, data and the person's id (unfinished
intents are cancelled); the person's payloads in webhook_deliveries; the person's movements in worker.position_changes;
the person's events in worker.outbox that are published or failed. Keys stay, so that nothing is sent again. Works while daemons
run. A person without a row in waitlist_users is found by --user only. The output also names what is not erased, and when that expires. A second run finds nothing, or what was added meanwhile.

Examples:
  npm run workerctl -- forget --user b1f6f0de-6a1c-4f8e-9d61-3f6f0a7c4d55 --dry-run
  npm run workerctl -- forget --email guest@example.com --dry-run
  npm run workerctl -- forget --user b1f6f0de-6a1c-4f8e-9d61-3f6f0a7c4d55 --yes`

export function addForget(parent: Command, terminal: Terminal): void {
  addPersonOptions(parent.command('forget').description('erase the personal data of a person, and name what expires elsewhere'))
    .option('--dry-run', 'show the plan without applying it')
    .option('--yes', 'apply the plan without a prompt')
    .option('--json', 'print one JSON object; never prompts')
    .addHelpText('after', HELP)
    .action(async (options: Options) => {
      const { config, groups } = configure(terminal)
      const findPerson = requiredPerson(options)
      await withDatabase(
        config,
        async (database) => {
          await checkSchema(database.sql)
          const userId = await findPerson(database.sql)
          const retentions = retentionsOf(config, await groupsInUse(groups, createProgressAdmin(database)))
          const forgetter = createForgetter(database)
          const found = await forgetter.find(userId)
          const elsewhere = elsewhereSentences(found, await retentions, config.accept.dedupeDays)
          if (options.json !== true) for (const sentence of [...forgetSentences(userId, found), ...elsewhere]) terminal.out(sentence)
          const decided = await decide(changesOf(found) > 0, options, terminal)
          const done =
            decided === 'apply'
              ? await eraseAll(forgetter, userId, found.intentIds)
              : { erased: 0, movements: 0, events: 0, copies: 0, replays: 0 }
          const now = decided === 'apply' ? await forgetter.find(userId) : null
          const since = now === null ? 0 : changesOf(now)
          if (options.json === true) {
            const { intentIds: _, ...counts } = found
            const applied = {
              applied: decided === 'apply',
              erased: done.erased,
              erasedMovements: done.movements,
              erasedEvents: done.events,
              erasedCopies: done.copies,
              erasedReplays: done.replays,
              since,
            }
            terminal.out(renderJson({ user: userId, ...counts, retentions: await retentions, ...applied }))
          } else if (decided === 'apply') terminal.out(doneSentence(done, since))
          else terminal.out(decided === 'nothing' ? 'Nothing to do.' : unapplied[decided])
        },
        { statementTimeoutMs: WHOLE_TABLE_MS },
      )
    })
}

/** How many rows an erasure changes. */
function changesOf({ intentIds, movements, events, copies, replays }: PersonRecord): number {
  return intentIds.length + movements + events + copies + replays
}

/** @throws {OperatorError} when a worker holds some of them for too long. */
async function eraseAll(forgetter: Forgetter, userId: string, ids: readonly string[]): Promise<Omit<Erased, 'left'>> {
  let [erased, movements, events, copies, replays] = [0, 0, 0, 0, 0]
  for (const until = performance.now() + WAIT_MS; ;) {
    const done = await forgetter.erase(userId, ids)
    erased += done.erased
    movements += done.movements
    events += done.events
    copies += done.copies
    replays += done.replays
    if (done.left === 0) return { erased, movements, events, copies, replays }
    if (performance.now() >= until) {
      throw new OperatorError(
        `${erased} erased, but ${done.left} of this person's intents ${done.left === 1 ? 'is' : 'are'} still held by a worker: run the same command again in a minute.`,
      )
    }
    await systemClock.sleep(LOOK_MS)
  }
}

/** Retention by topic, as configured on the brokers; unknown when the cluster does not answer, which does not prevent the erasure. */
async function retentionsOf(config: Config, groups: readonly OperatorGroup[]): Promise<readonly Retention[]> {
  const topics = [...new Set(groups.flatMap(({ topic, id }) => [topic, deadLetterTopic(topic, id)]))]
  try {
    return await withKafka(config, async (admin) => {
      const present = await admin.topics(topics)
      return Promise.all(
        [...present.keys()].map(async (topic) => {
          const ms = Number((await admin.topicConfig(topic)).get('retention.ms'))
          return { topic, ms: Number.isFinite(ms) ? ms : null }
        }),
      )
    })
  } catch {
    // The output is the same for every cause.
    return topics.map((topic) => ({ topic, ms: null }))
  }
}
