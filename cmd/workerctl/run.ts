import { Command, CommanderError } from 'commander'
import { databaseSentence } from '../../src/admin/database-sentence.ts'
import { messageOf, OperatorError } from '../../src/std/failure.ts'
import { SqlError } from '../../src/std/sql.ts'
import packageJson from '../../package.json' with { type: 'json' }
import { addAnalyticsShow } from './analytics-show.ts'
import { addCompletion } from './completion.ts'
import { addConfig } from './config.ts'
import { addDlqDiscard } from './dlq-discard.ts'
import { addDlqEdit } from './dlq-edit.ts'
import { addDlqExport } from './dlq-export.ts'
import { addDlqGroups, addDlqNote } from './dlq-groups.ts'
import { addDlqList } from './dlq-list.ts'
import { addDlqReplay } from './dlq-replay.ts'
import { addDlqShow } from './dlq-show.ts'
import { addDoctor } from './doctor.ts'
import { addEventsPublish } from './events-publish.ts'
import { addEventsSearch } from './events-search.ts'
import { addEventsShow } from './events-show.ts'
import { addEventsTail } from './events-tail.ts'
import { addForget } from './forget.ts'
import { addGroups } from './groups-show.ts'
import { addIntentsChange } from './intents-change.ts'
import { addIntentsList } from './intents-list.ts'
import { addIntentsShow } from './intents-show.ts'
import { addLag } from './lag.ts'
import { addLeaderboardAudit } from './leaderboard-audit.ts'
import { addLeaderboardBackfill } from './leaderboard-backfill.ts'
import { addLeaderboardExplain } from './leaderboard-explain.ts'
import { addLeaderboardMovements } from './leaderboard-movements.ts'
import { addLeaderboardShow } from './leaderboard-show.ts'
import { addMigrate } from './migrate.ts'
import { addOffsetsReset } from './offsets-reset.ts'
import { addOffsetsShow } from './offsets-show.ts'
import { addOutboxList, addOutboxRequeue } from './outbox.ts'
import { addPause, addPauseList, addResume } from './pause-commands.ts'
import { addReconcile } from './reconcile.ts'
import { addStatus } from './status-show.ts'
import { addReplayList, addReplayMove, addReplayShow } from './replay-jobs.ts'
import { addReplayPlan, addReplayRun } from './replay-order.ts'
import { addSuppressionsList, addSuppressionsRemove } from './suppressions.ts'
import type { Terminal } from './terminal.ts'
import { addTimeline } from './timeline.ts'
import { addTopicsAcls } from './topics-acls.ts'
import { addTopicsApply } from './topics-apply.ts'
import { addTopicsPlan } from './topics-plan.ts'
import { addTopicsVerify } from './topics-verify.ts'

const HELP = `
With --json a command prints one JSON object on one line of standard output: npm run -s workerctl -- offsets show --json
events tail prints one for each event, and lag --watch one for each measurement.

Exit code 0: done. 1: refused or failed, or output was lost because its reader is gone (| head). 2: a command that compares or examines found
something.`

/** Of help into a pipe or a file. */
const HELP_WIDTH = 80

/**
 * Runs one command; resolves to the exit code: 0 done, 1 refused or failed, 2 where a command that compares found a difference. An error that an operator can resolve is one sentence
 * on standard error.
 */
export async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  const program = createProgram(terminal)
  try {
    await program.parseAsync([...args], { from: 'user' })
    return 0
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode
    const isDebug = program.opts<{ debug?: boolean }>().debug === true
    terminal.err(isDebug && error instanceof Error ? (error.stack ?? error.message) : sentenceOf(error))
    return 1
  }
}

/** All commands; parsing runs the one that is named. */
export function createProgram(terminal: Terminal): Command {
  const program = new Command('workerctl')
    .description("The operator's commands. Configured by the same environment variables as the worker (npm start -- --check-config).")
    .version(packageJson.version)
    .option('--debug', 'show the stack trace of a failure')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.out(text.trimEnd()),
      writeErr: (text) => terminal.err(text.trimEnd()),
      getOutHelpWidth: () => terminal.columns ?? HELP_WIDTH,
    })
    .showHelpAfterError('(--help shows how it is used)')
    .addHelpText('after', HELP)
  addStatus(program, terminal)
  addLag(program, terminal)
  addGroups(program, terminal)
  addDoctor(program, terminal)
  addMigrate(program, terminal)
  const topics = program
    .command('topics')
    .description('the topics of events and of dead letters, as the catalogue and the configuration want them')
  addTopicsPlan(topics, terminal)
  addTopicsApply(topics, terminal)
  addTopicsVerify(topics, terminal)
  addTopicsAcls(topics, terminal)
  const events = program.command('events').description('the records of a topic')
  addEventsTail(events, terminal)
  addEventsShow(events, terminal)
  addEventsSearch(events, terminal)
  addEventsPublish(events, terminal)
  const offsets = program.command('offsets').description('the offsets of the groups in their topics')
  addOffsetsShow(offsets, terminal)
  addOffsetsReset(offsets, terminal)
  const intents = program.command('intents').description('effects of events: pending, in progress and finished')
  addIntentsList(intents, terminal)
  addIntentsShow(intents, terminal)
  for (const change of ['retry', 'cancel', 'mark-sent'] as const) addIntentsChange(intents, change, terminal)
  const pauses = program.command('pause').description('stop reading or executing for a while, in all daemons')
  addPause(pauses, terminal)
  addPauseList(pauses, terminal)
  addResume(program.command('resume').description('end a pause before its time is over'), terminal)
  const dlq = program.command('dlq').alias('dead-letters').description('dead letters: records that could not be processed')
  addDlqList(dlq, terminal)
  addDlqGroups(dlq, terminal)
  addDlqNote(dlq, terminal)
  addDlqShow(dlq, terminal)
  addDlqReplay(dlq, terminal)
  addDlqEdit(dlq, terminal)
  addDlqDiscard(dlq, terminal)
  addDlqExport(dlq, terminal)
  const replay = program
    .command('replay')
    .description('ranges of the log that groups decide again; dlq replay does it for a set of dead letters')
  addReplayPlan(replay, terminal)
  addReplayRun(replay, terminal)
  addReplayList(replay, terminal)
  addReplayShow(replay, terminal)
  for (const move of ['pause', 'resume', 'cancel'] as const) addReplayMove(replay, move, terminal)
  const outbox = program.command('outbox').description('events that the platform published in its transactions')
  addOutboxList(outbox, terminal)
  addOutboxRequeue(outbox, terminal)
  const leaderboard = program.command('leaderboard').description('stored positions: audit, explanation and backfill')
  addLeaderboardAudit(leaderboard, terminal)
  addLeaderboardShow(leaderboard, terminal)
  addLeaderboardExplain(leaderboard, terminal)
  addLeaderboardMovements(leaderboard, terminal)
  addLeaderboardBackfill(leaderboard, terminal)
  addAnalyticsShow(program.command('analytics').description('what happened, counted'), terminal)
  addReconcile(program, terminal)
  const suppressions = program.command('suppressions').description('addresses that get no mail')
  addSuppressionsList(suppressions, terminal)
  addSuppressionsRemove(suppressions, terminal)
  addTimeline(program, terminal)
  addForget(program, terminal)
  addConfig(program, terminal)
  addCompletion(program, terminal)
  return program
}

function sentenceOf(error: unknown): string {
  if (error instanceof OperatorError) return error.message
  const known = error instanceof SqlError ? databaseSentence(error) : null
  return known?.message ?? `workerctl failed unexpectedly: ${messageOf(error)} (--debug shows where)`
}
