import { REPLAY_WAITING } from '../../../model/replay.ts'

/**
 * Common table expression over the intents `theirs (id, replay_job)`, whose pause is over: those of replays are released once more by their
 * jobs, with the ramp and the rate of the job, and a job that was done is done again afterwards. They were released and not sent,
 * so the job has released so many fewer. Goes with {@link dueAgain}.
 */
export const backToReplays = `
replays AS (
  UPDATE worker.replay_jobs AS j
     SET released = greatest(0, j.released - t.count), state = CASE WHEN j.state = 'done' THEN 'queued' ELSE j.state END,
         finished_at = NULL
    FROM (SELECT replay_job, count(*) AS count FROM theirs WHERE replay_job IS NOT NULL GROUP BY replay_job) AS t
   WHERE j.id = t.replay_job AND j.state IN ('queued', 'running', 'paused', 'done')
  RETURNING j.id
)`

const ofReplay = `class = 'replay' AND replay_job IN (SELECT id FROM replays)`

/** What an UPDATE sets so that an intent is due now, or when its replay releases it. */
export const dueAgain = `
  due_at = CASE WHEN ${ofReplay} THEN '2999-01-01Z' ELSE least(due_at, now()) END,
  reason = CASE WHEN ${ofReplay} THEN '${REPLAY_WAITING}' END,
  waiting_since = CASE WHEN ${ofReplay} THEN now() END`
