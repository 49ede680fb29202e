import { messageOf, OperatorError } from '../../std/failure.ts'
import { SqlError } from '../../std/sql.ts'
import type { LogAdmin } from '../../ingest/log-admin.ts'
import type { ProgressAdmin } from './progress-admin.ts'
import { commitChanges, progressChanges, type ResetPlan } from './reset-plan.ts'

/**
 * Refuses while workers of the group run: they would go on from where they are.
 *
 * @throws {OperatorError}
 */
export async function requireStopped(admin: Pick<LogAdmin, 'groupState'>, group: string): Promise<void> {
  const refusal = await runningRefusal(admin, group)
  if (refusal !== null) throw new OperatorError(refusal)
}

/** Why a reset of the group is refused now, with the way out; null while it has no members. */
export async function runningRefusal(admin: Pick<LogAdmin, 'groupState'>, group: string): Promise<string | null> {
  const { members } = await admin.groupState(group)
  if (members === 0) return null
  return (
    `Group ${group} runs (${members === 1 ? '1 member' : `${members} members`}): stop its workers first; a killed one counts ` +
    `until KAFKA_SESSION_TIMEOUT_MS has passed. Beside running workers "replay run" handles records again.`
  )
}

/**
 * Moves the progress rows, all in one transaction and only if they are as the plan found them, and Kafka's committed offsets
 * after them. The rows are the truth, so a failure between the two leaves the group where the plan wants it; the same plan
 * again does what is missing.
 *
 * A worker that starts between the question and the write is no danger: its next accept finds the row moved and goes on there.
 *
 * @throws {OperatorError} saying what is moved and what is not.
 */
export async function applyReset(
  plan: ResetPlan,
  ports: { progress: Pick<ProgressAdmin, 'writeProgress'>; admin: Pick<LogAdmin, 'groupState' | 'setCommitted'> },
): Promise<void> {
  const { group, topic } = plan
  await requireStopped(ports.admin, group)
  const changes = progressChanges(plan)
  if (changes.length > 0 && !(await write())) {
    throw new OperatorError(
      `The progress of group ${group} moved meanwhile, so nothing was changed: make sure that it does not run, and try again.`,
    )
  }
  try {
    await ports.admin.setCommitted(group, topic, commitChanges(plan))
  } catch (error) {
    throw new OperatorError(
      `The progress rows of group ${group} are moved and its workers will start there, but Kafka's committed offsets are not ` +
        `(${messageOf(error)}): run the same command again to complete it.`,
      { cause: error },
    )
  }

  async function write(): Promise<boolean> {
    try {
      return await ports.progress.writeProgress(group, topic, changes, plan.topicId)
    } catch (error) {
      if (!(error instanceof SqlError) || error.state !== undefined) throw error
      throw new OperatorError(
        `The database was lost while the progress rows of group ${group} were written (${error.message}): either all of them are moved or none, ` +
          `and Kafka's committed offsets are not; run the same command again.`,
        { cause: error },
      )
    }
  }
}
