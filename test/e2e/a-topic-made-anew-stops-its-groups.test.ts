import { expect, inject, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { topicTool } from '../support/faults/topic-tool.ts'
import { Platform } from '../support/platform.ts'
import { printedCommands, runPrinted } from '../support/printed-commands.ts'
import { refusalOf } from '../support/refusal.ts'
import { setScene } from '../support/scene.ts'

test('a topic made anew stops its groups, named, empty and with as many records as were read, until the operator decides', async () => {
  await using scene = await setScene({ partitions: 1 })
  await using tool = await topicTool(inject('kafkaBootstrap'))
  const platform = new Platform(scene.sql)
  const campaign = await platform.campaign()
  const publish = async (people: number) =>
    scene.publisher.publishMany(
      (await platform.crowd(campaign, people)).map((person) => ({ type: 'user.signed_up' as const, ...campaign, ...person })),
    )
  const mailed = (count: number) =>
    eventually('they are mailed', () => scene.smtp.counters.mails === count || String(scene.smtp.counters.mails))
  const groups = ['email-workers', 'reward-workers'] as const
  const both = { KAFKA_GROUPS: groups.join(',') }
  const daemon = scene.daemon(both)
  await daemon.ready()
  await publish(5)
  await mailed(5)
  await eventually('every row is at the end', async () => {
    const rows = await scene.sql.query<{ next: string }>('SELECT next_offset AS next FROM worker.progress')
    return rows.every(({ next }) => next === '5') || JSON.stringify(rows)
  })

  await tool.deleteTopic(scene.topic)
  await eventually('it is made anew', async () => (await scene.admin.createTopic({ name: scene.topic, partitions: 1 })) || 'not yet')
  const sentences = async () => {
    const response = await fetch(`${daemon.url()}/readyz`)
    const checks: unknown = JSON.parse(await response.text())
    return { status: response.status, text: JSON.stringify(checks) }
  }
  const told = groups.map((name) => {
    const group = scene.group(name)
    return `opic ${scene.topic} was deleted and made anew since group ${group} read it up to offset 5 of partition 0: what the group had not read of the old topic is lost, and what the new one holds was not read; decide with: npm run workerctl -- offsets reset --group ${group} --to earliest --accept-loss`
  })
  await eventually('readiness names both groups while it is empty', async () => {
    const { status, text } = await sentences()
    return (status === 503 && told.every((sentence) => text.includes(sentence))) || text
  })
  expect((await fetch(`${daemon.url()}/livez`)).status).toBe(200)
  expect(JSON.parse(await (await fetch(`${daemon.url()}/status`)).text())).toMatchObject({
    groups: { [scene.group('email-workers')]: { state: 'refused', verdict: { word: 'stopped', sentence: `T${told[0]}.` } } },
  })

  // As many as were read: by the offsets alone, nothing would be wrong.
  await publish(5)
  expect(await refusalOf(scene.daemon(both))).toEqual(`T${told.join('; t')}.`)
  expect(scene.smtp.counters.mails).toBe(5)

  const commands = printedCommands((await sentences()).text)
  expect(commands).toHaveLength(2)
  for (const command of commands) expect(await runPrinted(scene, command)).toMatchObject({ code: 0, err: '' })
  await daemon.ready()
  await mailed(10)
  expect(daemon.lines.filter(({ msg }) => msg === 'group stopped')).toHaveLength(2)
  expect(daemon.lines.filter(({ msg }) => msg === 'group begins anew')).toHaveLength(2)
})
