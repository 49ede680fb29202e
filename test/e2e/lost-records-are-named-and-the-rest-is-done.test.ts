import { expect, inject, test } from 'vitest'
import { deadLetterTopic } from '../../src/ingest/dead-letter.ts'
import { runWorkerctl } from '../integration/workerctl-fixture.ts'
import { eventually } from '../support/eventually.ts'
import { topicTool } from '../support/faults/topic-tool.ts'
import { createFixture } from '../support/fixture.ts'
import { lineOfStatus, runFix, nothingIsWrong, startPrinted } from '../support/planted-incident.ts'
import { Platform } from '../support/platform.ts'

test('workerctl status names partitions without a process, a group without one and the records that retention took; the printed commands have the rest done once, and the lost mails are published again', async () => {
  await using fixture = await createFixture({ groups: ['email-workers'], partitions: 1 })
  await using tool = await topicTool(inject('kafkaBootstrap'))
  const platform = new Platform(fixture.sql)
  const campaigns = await Promise.all(Array.from({ length: 8 }, () => platform.campaign()))
  const expected: string[] = []
  const signUps = async () => {
    for (const campaign of campaigns) {
      const person = await platform.person(campaign)
      expected.push(person.email)
      await fixture.publisher.publishUserSignedUp({ ...campaign, ...person })
    }
  }
  const mailed = () => fixture.smtp.mails.flatMap(({ recipients }) => recipients)
  const allAreMailed = async () => {
    await eventually('everybody is mailed', () => mailed().length === expected.length || `${mailed().length} of ${expected.length}`)
    expect(new Set(mailed())).toEqual(new Set(expected))
  }
  const group = fixture.group('email-workers')
  const ends = async () => [...(await fixture.admin.ranges(fixture.topic))].map(([partition, { high }]) => [partition, high] as const)

  // It stays a member, and reads its partition only, however long the commands take.
  const first = fixture.daemon({ KAFKA_SESSION_TIMEOUT_MS: '240000' })
  await first.ready()
  await nothingIsWrong(fixture)
  first.kill('SIGSTOP')
  // Dead letters keep their partitions.
  await fixture.admin.growTopic(deadLetterTopic(fixture.topic, group), 3)
  await fixture.admin.growTopic(fixture.topic, 3)
  await eventually('every partition has a leader', async () => (await ends()).length === 3 || 'not yet')
  await signUps()
  const orphans = await lineOfStatus(fixture, `No process of ${group} reads partition 1, 2, although others run`)
  first.kill('SIGCONT')
  const second = await startPrinted(fixture, orphans)
  await allAreMailed()
  await nothingIsWrong(fixture)

  for (const daemon of [first, second]) daemon.kill('SIGTERM')
  expect(await Promise.all([first.exited, second.exited])).toEqual([0, 0])
  await signUps()
  await lineOfStatus(fixture, `No process runs ${group}, which is behind by 8 records. Run: KAFKA_GROUPS=email-workers npm start`)

  // The topic keeps nothing of these, and all that comes later.
  const lostFrom = await ends()
  for (const [partition, high] of lostFrom) await tool.deleteRecordsBelow(fixture.topic, partition, high)
  const lost = [...mailedLater(expected, mailed())]
  await signUps()
  const overtaken = await lineOfStatus(fixture, `Group ${group} has lost data of partition `, ' were deleted')
  expect(overtaken).toMatch(/: records \d+ to \d+ were deleted.*?(, and [12] more partitions? lost records)?\. Run: /)
  await runFix(fixture, overtaken)
  const alone = await lineOfStatus(fixture, `No process runs ${group}, which is behind by 8 records.`)
  await startPrinted(fixture, alone)
  await eventually('the rest is done', () => mailed().length === expected.length - lost.length || String(mailed().length))
  await nothingIsWrong(fixture)
  expect(mailed().filter((address) => lost.includes(address))).toEqual([])

  // As the runbook goes on: "Effects are missing after a loss".
  const reconcile = ['reconcile', '--until', new Date(Date.now() + 60_000).toISOString()]
  await eventually('every group has read everything', async () => {
    const { code, err } = await runWorkerctl(reconcile, fixture.variables)
    return code === 0 || err
  })
  const found: unknown = JSON.parse((await runWorkerctl([...reconcile, '--json'], fixture.variables)).out)
  expect(found).toMatchObject({ facts: { 'user.signed_up': lost.length } })
  const published = await runWorkerctl([...reconcile, '--publish', '--yes'], fixture.variables)
  expect(published).toMatchObject({ code: 0, out: expect.stringContaining(`Done: ${lost.length} published.`) })
  await allAreMailed()
  await nothingIsWrong(fixture)
})

/** Those of `all` that are not in `done`. */
function mailedLater(all: readonly string[], done: readonly string[]): readonly string[] {
  return all.filter((one) => !done.includes(one))
}
