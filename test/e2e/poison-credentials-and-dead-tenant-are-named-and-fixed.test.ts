import { expect, test } from 'vitest'
import { createFixture } from '../support/fixture.ts'
import { fixed, namedFirst } from '../support/planted-incident.ts'
import { Platform } from '../support/platform.ts'
import { printedCommands, runPrinted } from '../support/printed-commands.ts'
import { rewardTenant } from '../support/reward-tenant.ts'
import { runWorkerctl } from '../integration/workerctl-fixture.ts'

test('workerctl status names a flood of poison records, an expired login, a dead tenant and rewards that ended dead, and after the fixes of the runbook everything is delivered once', async () => {
  await using fixture = await createFixture({ partitions: 1, smtp: { auth: true } })
  const platform = new Platform(fixture.sql)
  const campaign = await platform.campaign()
  const people: string[] = []
  const signUp = async () => {
    const person = await platform.person(campaign)
    people.push(person.email)
    return fixture.publisher.publishUserSignedUp({ ...campaign, ...person })
  }
  const workerctl = async (...args: readonly string[]) => {
    const ran = await runWorkerctl(args, fixture.variables)
    expect(ran).toMatchObject({ code: 0, err: '' })
    return ran.out
  }
  /** Runs the command at the end of a line of `status`. */
  const printed = async (command: string) => {
    const [line] = printedCommands(command)
    const ran = await runPrinted(fixture, line ?? '')
    expect(ran).toMatchObject({ code: 0, err: '' })
    return ran.out
  }
  const daemon = fixture.daemon()
  await daemon.ready()

  const value = Buffer.from('{"id":')
  await signUp()
  await fixture.sendRaw(Array.from({ length: 60 }, () => ({ key: campaign.campaignId, value, headers: {} })))
  await signUp()
  for (const name of fixture.groups) {
    const group = fixture.group(name)
    const poison = await namedFirst(fixture, new RegExp(`^60 dead letters of ${group} in the last hour: not-json, type unknown, last at`))
    const [fingerprint] = /\b[0-9a-f]{12}\b/.exec(await printed(poison.command)) ?? []
    const decided = ['--confirm', '60', '--owner', 'ada', '--because', 'the importer sent halves of records; fixed there']
    await workerctl('dlq', 'discard', '--group', group, '--fingerprint', fingerprint ?? '', ...decided)
  }
  await fixed(fixture)

  // Only a new connection logs in; its password has expired.
  const SMTP_URL = fixture.smtp.changePassword()
  await signUp()
  const relay = await namedFirst(fixture, /^The SMTP relay accepts no mails \(relay-credentials-refused, since 2\d{3}-\S+Z\)/)
  expect(relay.line).toContain('correct user and password in SMTP_URL, and restart')
  expect(relay.command).toBe('npm run workerctl -- doctor --only smtp')
  daemon.kill('SIGTERM')
  expect(await daemon.exited).toBe(0)
  expect(await runWorkerctl(['doctor', '--only', 'smtp'], { ...fixture.variables, SMTP_URL })).toMatchObject({ code: 0 })
  await fixture.daemon({ SMTP_URL }).ready()
  await fixed(fixture)
  expect(fixture.smtp.mails.flatMap(({ recipients }) => recipients).toSorted()).toEqual(people.toSorted())

  const dead = await rewardTenant(fixture, platform, 6, fixture.webhooks.endpoint('/a-token-in-the-path'))
  const live = await rewardTenant(fixture, platform, 6, fixture.webhooks.endpoint('/live'))
  fixture.webhooks.respondWith(({ path }) => (path === '/live' ? undefined : { status: 503 }))
  await fixture.publisher.publishMany([...dead.events, ...live.events])
  const endpoint = await namedFirst(fixture, new RegExp(`^Endpoint ${dead.endpointId} accepts no rewards \\(\\S+, since 2`))
  expect(endpoint.line).not.toContain('a-token')
  await expect.poll(() => delivered('/live')).toBe(6)
  await expect.poll(() => printed(endpoint.command)).toContain('pending')
  fixture.webhooks.respondWith(undefined)
  await workerctl('intents', 'retry', '--now', '--destination', dead.endpointId ?? '', '--yes')
  await fixed(fixture)
  expect([await delivered('/live'), await delivered('/a-token-in-the-path')]).toEqual([6, 6])

  const none = await rewardTenant(fixture, platform, 3, fixture.webhooks.endpoint('/registered-late'))
  await fixture.sql.query(`UPDATE webhooks SET status = 'paused' WHERE id = $1`, [none.endpointId])
  await fixture.publisher.publishMany(none.events)
  const given = await namedFirst(fixture, /^3 intents of \S+ ended dead in the last 24 hours: reward \(no-endpoint\), last at 2/)
  expect(await printed(given.command)).toContain('no-endpoint')
  await fixture.sql.query(`UPDATE webhooks SET status = 'active' WHERE id = $1`, [none.endpointId])
  await workerctl('intents', 'retry', '--state', 'dead', '--reason', 'no-endpoint', '--campaign', none.campaignId, '--yes')
  await fixed(fixture)
  expect(await delivered('/registered-late')).toBe(3)

  /** Rewards that this path has taken, each once. */
  async function delivered(path: string): Promise<number> {
    const taken = fixture.webhooks.calls
      .filter((call) => call.path === path && call.status !== undefined && call.status < 300)
      .map((call) => call.id)
    expect(new Set(taken).size).toBe(taken.length)
    return taken.length
  }
})
