import { expect, inject, test } from 'vitest'
import { deadLetterTopic } from '../../../src/ingest/dead-letter.ts'
import { eventually } from '../../support/eventually.ts'
import { createFaultFixture } from '../../support/faults/fault-fixture.ts'
import { topicTool } from '../../support/faults/topic-tool.ts'

/**
 * Fault: The dead-letter topic of one group is deleted under a running daemon, and records arrive that must go there.
 * Promise: The group waits at such a record, and /readyz names the topic. The other groups continue, the record is neither skipped nor
 * lost, and the group resumes by itself when the topic exists again.
 */
test('a dead-letter topic deleted under a running daemon: its group waits and names it, the others continue, and nothing is lost', async () => {
  await using fixture = await createFaultFixture({ scenario: expect.getState().currentTestName, seed: 40, partitions: 1 })
  await using tool = await topicTool(inject('kafkaBootstrap'))
  const { admin, topic, group, sql, sendRaw } = fixture.base
  const name = deadLetterTopic(topic, group('email-workers'))
  const daemon = fixture.daemon()
  await daemon.ready()
  const rowOf = async (one: string) => {
    const [row] = await sql.query<{ next: string }>('SELECT next_offset AS next FROM worker.progress WHERE group_name = $1', [one])
    return BigInt(row?.next ?? 0)
  }
  const end = async () => (await admin.ranges(topic)).get(0)?.high ?? 0n

  await fixture.fault('the dead-letter topic is gone', ['kafka'], async () => {
    await tool.deleteTopic(name)
    const bad = await end()
    await sendRaw([{ key: 'k', value: Buffer.from('no JSON'), headers: {} }])
    await fixture.traffic({ eventsPerSecond: 80, events: 60 }).done
    const readyz = async () => {
      const response = await fetch(`${daemon.url()}/readyz`)
      return { status: response.status, body: await response.text() }
    }
    await eventually('readiness names the topic', async () => {
      const { status, body } = await readyz()
      return (status === 503 && body.includes(`topic \\"${name}\\" does not exist`)) || `${status} ${body}`
    })
    await eventually('the others go on', async () => (await rowOf(group('reward-workers'))) >= (await end()) || 'behind')
    expect(await rowOf(group('email-workers'))).toBe(bad)
    expect((await fetch(`${daemon.url()}/livez`)).status).toBe(200)
    await admin.createTopic({ name, partitions: 1 })
  })
  await fixture.drained()
  expect((await admin.ranges(name)).get(0)?.high).toBeGreaterThan(0n)
  expect(daemon.isOver()).toBe(false)
  await fixture.assertHistory()
})
