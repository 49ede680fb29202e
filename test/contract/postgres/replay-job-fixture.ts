import type { ReplayOrder } from '../../../src/admin/replay/replay-admin.ts'
import { PlanTally } from '../../../src/admin/replay/replay-plan.ts'
import { readOrders } from '../../../src/infra/postgres/admin/operator-orders.ts'
import { createReplayAdmin } from '../../../src/infra/postgres/admin/postgres-replay-admin.ts'
import { createReplayJobs } from '../../../src/infra/postgres/ingest/postgres-replay-jobs.ts'
import { createReplayStore } from '../../../src/infra/postgres/ingest/postgres-replay-store.ts'
import type { AcceptedEvent } from '../../../src/ingest/accept-store.ts'
import type { ReplayJob } from '../../../src/ingest/replay-job.ts'
import type { IntentDraft } from '../../../src/model/intent.ts'
import { campaign, db, group, intents, user } from './accept-fixture.ts'

export const act = { owner: 'ada', because: 'a test' }
export const mailChannels = ['email']
export const admin = () => createReplayAdmin(db, () => Promise.resolve())
export const jobs = () => createReplayJobs(db)

export function mail(key: string, more: Partial<IntentDraft> = {}): IntentDraft {
  return { kind: 'mail', version: 1, channel: 'email', key, campaignId: campaign, userId: user, data: { type: 'welcome' }, ...more }
}

/** The same drafts as the reader of a replay makes them. */
export function replay(of: AcceptedEvent): AcceptedEvent {
  return { ...of, drafts: of.drafts.map((draft) => ({ ...draft, class: 'replay' })) }
}

export async function order(change: Partial<ReplayOrder> = {}): Promise<string> {
  const [id] = await admin().create(
    [
      {
        group,
        topic: 'topic',
        topicId: null,
        ranges: [{ partition: 0, from: 0n, to: 100n, next: 0n }],
        filter: { types: [], campaigns: [], users: [], events: [] },
        allowOlder: false,
        eventRate: 1_000,
        sendRate: 100,
        cap: 5,
        plan: new PlanTally(() => true).plan(),
        confirmed: 0,
        ...change,
      },
    ],
    act,
  )
  return id ?? ''
}

export async function claimed(owner = 'one', leaseMs = 60_000): Promise<ReplayJob> {
  const job = await jobs().claim([group], owner, leaseMs)
  if (job === null) throw new Error('no job was claimed')
  return job
}

export const after = async () => (await intents()).map(({ state, reason }) => `${String(state)} ${String(reason)}`)
export const key = (name: string) => `${group} ${name}`
export const cursorOf = async (id: string) => (await admin().find(id))?.ranges[0]?.next
export const writerOf = (job: ReplayJob) => createReplayStore(db, job, mailChannels)
export const wanted = async (of = group) => (await readOrders(db.sql, [of])).replays
