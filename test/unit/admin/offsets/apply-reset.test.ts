import { expect, test } from 'vitest'
import { applyReset } from '../../../../src/admin/offsets/apply-reset.ts'
import { planReset } from '../../../../src/admin/offsets/reset-plan.ts'
import { SqlError } from '../../../../src/std/sql.ts'

const plan = planReset({
  group: 'g',
  topic: 't',
  target: 'earliest',
  partitions: null,
  topicId: null,
  epochEnds: new Map(),
  rows: [{ partition: 0, next: 5n, exemptBelow: 0n }],
  committed: new Map([[0, 5n]]),
  ranges: new Map([[0, { low: 0n, high: 9n }]]),
  offsetsAtTime: new Map(),
  rememberedFrom: new Map(),
})

/** Ports that record their calls, and do what the test says. */
function ports(does: { members?: number; write?: () => Promise<boolean>; commit?: () => Promise<void> } = {}) {
  const calls: string[] = []
  const record = <Result>(call: string, work: () => Promise<Result>) => {
    calls.push(call)
    return work()
  }
  return {
    calls,
    progress: {
      writeProgress: () => record('rows', does.write ?? (() => Promise.resolve(true))),
    },
    admin: {
      groupState: () => Promise.resolve({ state: 'Empty', members: does.members ?? 0 }),
      setCommitted: () => record('commits', does.commit ?? (() => Promise.resolve())),
    },
  }
}

test('rows first, then Kafka', async () => {
  const to = ports()
  await applyReset(plan, to)
  expect(to.calls).toEqual(['rows', 'commits'])
})

test('nothing is touched while the group runs', async () => {
  const to = ports({ members: 2 })
  await expect(applyReset(plan, to)).rejects.toThrow('Group g runs (2 members): stop its workers first')
  expect(to.calls).toEqual([])
})

test('rows that moved meanwhile leave Kafka alone', async () => {
  const to = ports({ write: () => Promise.resolve(false) })
  await expect(applyReset(plan, to)).rejects.toThrow('moved meanwhile, so nothing was changed')
  expect(to.calls).toEqual(['rows'])
})

test('when Kafka fails after the rows it says how things stand', async () => {
  const to = ports({ commit: () => Promise.reject(new Error('the coordinator is away')) })
  await expect(applyReset(plan, to)).rejects.toThrow(
    "The progress rows of group g are moved and its workers will start there, but Kafka's committed offsets are not (the coordinator is away): run the same command again",
  )
})

test('a database lost in the middle leaves Kafka alone and says what is not known', async () => {
  const to = ports({ write: () => Promise.reject(new SqlError('The connection to the database failed', {})) })
  await expect(applyReset(plan, to)).rejects.toThrow('all of them are moved or none')
  expect(to.calls).toEqual(['rows'])
})
