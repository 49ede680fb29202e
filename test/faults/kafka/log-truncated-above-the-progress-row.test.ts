import { expect, inject, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { topicTool } from '../../support/faults/topic-tool.ts'
import { Platform } from '../../support/platform.ts'
import { printedCommands, runPrinted } from '../../support/printed-commands.ts'
import { refusalOf } from '../../support/refusal.ts'
import { createFixture } from '../../support/fixture.ts'
import { workerctlFor } from '../../support/workerctl-for.ts'

/**
 * Fault: Records are deleted from the log, as retention does: first those that a group has read, then some that it has not.
 * Promise: The first deletion has no effect. After the second, that group stops, under the running daemon and at the next start, and names
 * what is lost; it resumes by itself after the operator has run the command that it prints. Groups that had read the records are not
 * affected, whether in other processes or in the same one.
 */
test('a log truncated above the row of one group: that group stops and names what is lost until the operator resets it, the others continue', async () => {
  await using fixture = await createFixture({ partitions: 1 })
  await using tool = await topicTool(inject('kafkaBootstrap'))
  const platform = new Platform(fixture.sql)
  const campaign = await platform.campaign()
  const publish = async (people: number) =>
    fixture.publisher.publishMany(
      (await platform.crowd(campaign, people)).map((person) => ({ type: 'user.signed_up' as const, ...campaign, ...person })),
    )
  const rowsAre = (email: number, reward: number) =>
    eventually(`the rows are ${email} and ${reward}`, async () => {
      const rows = await fixture.sql.query<{ next: string }>('SELECT next_offset AS next FROM worker.progress ORDER BY group_name')
      const seen = rows.map(({ next }) => next).join(' ')
      return seen === `${email} ${reward}` || seen
    })
  const mailer = { KAFKA_GROUPS: 'email-workers' }
  const daemon = fixture.daemon(mailer)
  const other = fixture.daemon({ KAFKA_GROUPS: 'reward-workers' })
  await Promise.all([daemon.ready(), other.ready()])
  await publish(5)
  await rowsAre(5, 5)

  // Below the row.
  await tool.deleteRecordsBelow(fixture.topic, 0, 4n)
  await publish(1)
  await rowsAre(6, 6)

  // Above it: a quiet group fetches nothing.
  daemon.kill('SIGTSTP')
  await eventually('it is quiet', async () => (await (await fetch(`${daemon.url()}/readyz`)).text()).includes('quiet') || 'not yet')
  await publish(4)
  await rowsAre(6, 10)
  await tool.deleteRecordsBelow(fixture.topic, 0, 8n)
  daemon.kill('SIGCONT')
  const group = fixture.group('email-workers')
  const sentence = `roup ${group} is at offset 6 of ${fixture.topic}/0, but the log begins at 8: records 6 to 7 are lost; decide with: npm run workerctl -- offsets reset --group ${group} --partition 0 --to earliest --accept-loss`
  await eventually('readiness says why', async () => {
    const response = await fetch(`${daemon.url()}/readyz`)
    const body = await response.text()
    return (response.status === 503 && body.includes(sentence)) || body
  })
  expect((await fetch(`${daemon.url()}/livez`)).status).toBe(200)
  expect(daemon.lines.filter(({ msg }) => msg === 'group stopped')).toHaveLength(1)
  await publish(1)
  await rowsAre(6, 11)
  expect((await fetch(`${other.url()}/readyz`)).status).toBe(200)
  daemon.kill('SIGTERM')
  expect(await daemon.exited).toBe(0)
  expect(await refusalOf(fixture.daemon(mailer))).toContain(sentence)

  const dryRun = await workerctlFor(
    fixture,
    'offsets',
    'reset',
    '--group',
    fixture.group('reward-workers'),
    '--to',
    'earliest',
    '--dry-run',
  )
  expect(dryRun).toMatchObject({ code: 0, err: '', out: expect.stringContaining('Dry run: nothing was changed.') })
  other.kill('SIGTERM')
  expect(await other.exited).toBe(0)
  const all = fixture.daemon({ KAFKA_GROUPS: 'email-workers,reward-workers' })
  let unready = ''
  await eventually('the other group works, and readiness says which one does not', async () => {
    const checks: { checks: Record<string, { ok: boolean; message?: string }> } = JSON.parse(
      await (await fetch(`${all.url()}/readyz`)).text(),
    )
    const wrong = Object.entries(checks.checks).filter(([, { ok }]) => !ok)
    unready = wrong.map(([name, { message }]) => `${name}: ${message}`).join('; ')
    return (wrong.length === 1 && wrong[0]?.[0] === group) || unready
  })
  expect(unready).toContain(sentence)
  await publish(1)
  await rowsAre(6, 12)
  const [command, ...others] = printedCommands(unready)
  expect(others).toEqual([])
  expect(await runPrinted(fixture, command ?? '')).toMatchObject({ code: 0, err: '' })
  await all.ready()
  await rowsAre(12, 12)
  // Two of twelve are lost, and only they.
  await eventually('the rest is mailed', () => fixture.smtp.counters.mails === 10 || String(fixture.smtp.counters.mails))
})
