import { expect, test } from 'vitest'
import { knownGroups } from '../../src/consumers/registry.ts'
import { createProgressAdmin } from '../../src/infra/postgres/admin/postgres-progress-admin.ts'
import { createWorkerctlFixture } from './workerctl-fixture.ts'

test('a reset to earliest moves rows and committed offsets once', async () => {
  await using s = await createWorkerctlFixture({ partitions: 3 })
  await s.produce(0, 5)
  await s.produce(2, 3)
  await s.progress([5, 0, 2])
  expect(await s.reset('--to', 'earliest', '--yes')).toMatchObject({
    again: 7,
    unread: 0,
    needsAcceptLoss: false,
    changes: true,
    applied: true,
    effects: [{ of: 'again', shown: 7, all: 7, error: null, effects: 0 }],
  })
  expect(await s.rows()).toEqual(['0:0:0', '1:0:0', '2:0:0'])
  expect(await s.committed()).toEqual(['0:0', '1:0', '2:0'])
  expect(await s.reset('--to', 'earliest', '--yes')).toMatchObject({ changes: false, applied: false })
})

test('the plan is printed in words, and nothing changes without --yes or a confirmation', async () => {
  await using s = await createWorkerctlFixture()
  await s.produce(0, 5)
  await s.progress([4])
  const args = ['offsets', 'reset', '--group', 'email-workers', '--to', '1']
  const shown = await s.workerctl(args)
  expect(shown).toMatchObject({ code: 0, err: '' })
  expect(shown.out).toMatch(/PARTITION +ROW +COMMITTED +TO +AGAIN/)
  expect(shown.out).toContain('3 records will be read again. Effects are keyed, so nothing that was sent is sent twice.')
  expect(shown.out).toContain('Nothing was changed: add --yes')
  expect((await s.workerctl(args, { answer: 'no' })).out).toContain('Nothing was changed.')
  expect((await s.workerctl([...args, '--dry-run', '--yes'])).out).toContain('Dry run: nothing was changed.')
  expect(await s.rows()).toEqual(['0:4:0'])
  expect(await s.committed()).toEqual(['0:4'])
  expect((await s.workerctl(args, { answer: 'yes' })).out).toContain('Done')
  expect(await s.rows()).toEqual(['0:1:0'])
  expect(await s.committed()).toEqual(['0:1'])
})

test('skipping unread records is refused with their number without --accept-loss', async () => {
  await using s = await createWorkerctlFixture({ partitions: 2 })
  await s.produce(0, 5)
  await s.produce(1, 4)
  await s.progress([3, 4])
  const refused = await s.workerctl(['offsets', 'reset', '--group', s.group, '--to', 'latest', '--yes'])
  expect(refused.code).toBe(1)
  expect(refused.out).not.toContain('that will be skipped would have')
  expect(refused.err).toBe(
    `Refused, because group ${s.group} skips 2 records that it has not read (2 in partition 0): add --accept-loss if that is what you want. Nothing was changed.`,
  )
  expect(await s.rows()).toEqual(['0:3:0', '1:4:0'])
  expect(await s.reset('--to', 'latest', '--dry-run')).toMatchObject({ unread: 2, needsAcceptLoss: true, applied: false })
  expect(await s.reset('--to', 'latest', '--accept-loss', '--yes')).toMatchObject({ unread: 2, applied: true })
  expect(await s.rows()).toEqual(['0:5:0', '1:4:0'])
  expect(await s.committed()).toEqual(['0:5', '1:4'])
})

test('one partition, an offset and a time', async () => {
  await using s = await createWorkerctlFixture({ partitions: 2 })
  await s.produce(0, 2, new Date(Date.now() - 7_200_000))
  await s.produce(0, 2, new Date(Date.now() - 60_000))
  await s.produce(1, 4)
  await s.progress([4, 4])
  await s.reset('--to', new Date(Date.now() - 3_600_000).toISOString(), '--partition', '0', '--yes')
  expect(await s.rows()).toEqual(['0:2:0', '1:4:0'])
  await s.reset('--to', '3', '--partition', '1', '--yes')
  expect(await s.rows()).toEqual(['0:2:0', '1:3:0'])
  expect(await s.committed()).toEqual(['0:2', '1:3'])
  await expect(s.reset('--to', '5', '--yes')).rejects.toThrow(`Offset 5 lies outside ${s.topic}/0 (0 to 4), ${s.topic}/1 (0 to 4)`)
  await expect(s.reset('--to', '1', '--partition', '2', '--yes')).rejects.toThrow(`Topic ${s.topic} has no partition 2`)
})

test('a group with members is refused, and accepted once they have left', async () => {
  await using s = await createWorkerctlFixture()
  await s.produce(0, 3)
  await s.progress([3])
  const leave = await s.join()
  await expect(s.reset('--to', 'earliest', '--yes')).rejects.toThrow(`Group ${s.group} runs (1 member): stop its workers first`)
  expect(await s.rows()).toEqual(['0:3:0'])
  expect(await s.committed()).toEqual(['0:3'])
  const refusal = `Group ${s.group} runs (1 member): stop its workers first; a killed one counts until KAFKA_SESSION_TIMEOUT_MS has passed. Beside running workers "replay run" handles records again.`
  const dry = ['--to', 'earliest', '--dry-run']
  expect(await s.reset(...dry)).toMatchObject({ again: 3, refusal, applied: false })
  const said = `\nAs long as the group runs, this reset is refused. ${refusal}\nDry run: nothing was changed.`
  const shown = await s.workerctl(['offsets', 'reset', '--group', s.group, ...dry])
  expect(shown).toMatchObject({ code: 0, err: '', out: expect.stringContaining(said) })
  await leave()
  expect(await s.reset(...dry)).toMatchObject({ refusal: null })
  expect(await s.reset('--to', 'earliest', '--yes')).toMatchObject({ applied: true })
})

test('a group without rows gets its first positions, with the exemption of a first start', async () => {
  await using s = await createWorkerctlFixture({ partitions: 2 })
  await s.produce(0, 3)
  await s.produce(1, 1)
  expect(await s.reset('--to', 'latest', '--yes')).toMatchObject({ start: 'first', unread: 4, needsAcceptLoss: false, applied: true })
  expect(await s.rows()).toEqual(['0:3:3', '1:1:1'])
  expect(await s.committed()).toEqual(['0:3', '1:1'])
})

test('in an emptied database the committed offsets show what was read', async () => {
  await using s = await createWorkerctlFixture()
  await s.produce(0, 5)
  await s.admin.setCommitted(s.group, s.topic, new Map([[0, 3n]]))
  await expect(s.reset('--to', 'latest', '--yes')).rejects.toThrow('2 records that it has not read')
  const shown = await s.workerctl(['offsets', 'reset', '--group', s.group, '--to', '1'])
  expect(shown.out).toContain('may be sent again')
  await s.reset('--to', '3', '--yes')
  expect(await s.rows()).toEqual(['0:3:5'])
})

test('when only the rows were moved the same command moves the committed offsets', async () => {
  await using s = await createWorkerctlFixture()
  await s.produce(0, 5)
  await s.progress([2], { commit: false })
  await s.admin.setCommitted(s.group, s.topic, new Map([[0, 5n]]))
  expect(await s.reset('--to', '2', '--yes')).toMatchObject({ applied: true, again: 0 })
  expect(await s.committed()).toEqual(['0:2'])
})

test('a range that the log has lost and a recreated topic are left only by --accept-loss', async () => {
  await using s = await createWorkerctlFixture({ partitions: 2 })
  await s.produce(0, 5)
  await s.progress([2, 0])
  await s.deleteRecords(0, 4)
  await expect(s.reset('--to', 'earliest', '--yes')).rejects.toThrow('2 records that the log no longer holds (2 in partition 0)')
  await s.reset('--to', 'earliest', '--accept-loss', '--yes')
  expect(await s.rows()).toEqual(['0:4:0', '1:0:0'])

  await s.recreateTopic(1)
  await expect(s.reset('--to', 'earliest', '--yes')).rejects.toThrow('their number is unknown')
  await s.reset('--to', 'earliest', '--accept-loss', '--yes')
  expect(await s.rows()).toEqual(['0:0:0'])
})

test('a reset backwards reports how many records are older than the dedupe window', async () => {
  await using s = await createWorkerctlFixture()
  await s.produce(0, 3, new Date(Date.now() - 2 * 86_400_000))
  await s.produce(0, 2)
  await s.progress([5], { exemptBelow: 4 })
  const { code, out } = await s.workerctl(['offsets', 'reset', '--group', s.group, '--to', 'earliest', '--yes'], {
    environment: { DEDUPE_DAYS: '1' },
  })
  expect(code).toBe(0)
  expect(out).toContain('3 records of them are older than DEDUPE_DAYS=1')
  expect(await s.rows()).toEqual(['0:0:0'])
})

test('if one row changes after the plan, none is moved', async () => {
  await using s = await createWorkerctlFixture({ partitions: 3 })
  await s.progress([4, 4])
  const progress = createProgressAdmin(s.database)
  expect(await progress.writeProgress(s.group, s.topic, [change(0, 4n, 1n), change(1, 3n, 1n)])).toBe(false)
  expect(await progress.writeProgress(s.group, s.topic, [change(0, 4n, 1n), change(1, null, 1n)])).toBe(false)
  expect(await progress.writeProgress(s.group, s.topic, [change(0, 4n, 1n), change(1, 3n, null)])).toBe(false)
  expect(await s.rows()).toEqual(['0:4:0', '1:4:0'])
  expect(await progress.writeProgress(s.group, s.topic, [change(0, 4n, 1n), change(1, 4n, null), change(2, null, 7n)])).toBe(true)
  expect(await s.rows()).toEqual(['0:1:9', '2:7:9'])
})

test('an unknown group or position is named', async () => {
  await using s = await createWorkerctlFixture()
  await expect(s.reset('--to', 'yesterday')).rejects.toThrow('--to "yesterday" is not a position')
  const { code, err } = await s.workerctl(['offsets', 'reset', '--group', 'sales', '--to', 'earliest'])
  expect(code).toBe(1)
  expect(err).toBe(`There is no group "sales": give one of ${knownGroups.groups.map((name) => `${s.prefix}${name}`).join(', ')}.`)
  const usage = await s.workerctl(['offsets', 'reset', '--group', s.group])
  expect(usage.code).toBe(1)
  expect(usage.err).toContain("required option '--to <position>' not specified")
})

function change(partition: number, expected: bigint | null, next: bigint | null) {
  return { partition, expected, next, exemptBelow: 9n }
}
