import { expect, test } from 'vitest'
import type { Daemon } from '../support/daemon.ts'
import { eventually } from '../support/eventually.ts'
import { createFixture } from '../support/fixture.ts'
import { follows } from '../support/pauses.ts'
import { Platform } from '../support/platform.ts'

const token = 'admin-token-of-some-length'

function post(daemon: Daemon, path: string, shown = token, body?: object): Promise<Response> {
  const headers = { authorization: `Bearer ${shown}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) }
  return fetch(`${daemon.url()}${path}`, { method: 'POST', headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
}

/** Status and object of a verb. */
async function ask(daemon: Daemon, path: string, body: object): Promise<readonly [number, unknown]> {
  const response = await post(daemon, path, token, body)
  return [response.status, await response.json()]
}

test('POST /admin/quiet and /admin/unquiet do what the signals do, pause, resume and suppress what workerctl does, with the token only, and a public port without one is refused', async () => {
  await using fixture = await createFixture({ partitions: 1 })
  const daemon = fixture.daemon({ ADMIN_TOKEN: token })
  await daemon.ready()
  const wrong = await post(daemon, '/admin/quiet', 'another-token')
  expect([wrong.status, wrong.headers.get('www-authenticate')]).toEqual([401, 'Bearer'])
  expect((await fetch(`${daemon.url()}/readyz`)).status).toBe(200)

  expect(await (await post(daemon, '/admin/quiet')).json()).toEqual({ quiet: true })
  await eventually('it is quiet', async () => {
    const response = await fetch(`${daemon.url()}/readyz`)
    const body = await response.text()
    return (response.status === 503 && body.includes('"reason":"quiet"')) || body
  })
  const platform = new Platform(fixture.sql)
  const campaign = await platform.campaign()
  await fixture.publisher.publishUserSignedUp({ ...campaign, ...(await platform.person(campaign)) })
  expect(await (await post(daemon, '/admin/unquiet')).json()).toEqual({ quiet: false })
  await fixture.drained()
  expect(fixture.smtp.counters.accepted).toBe(1)

  const group = fixture.group('email-workers')
  const pause = { scope: 'group', target: 'email-workers', owner: 'ops', because: 'maintenance', for: '2h' }
  expect((await post(daemon, '/admin/pause', 'another-token', pause)).status).toBe(401)
  expect(await ask(daemon, '/admin/pause', pause)).toMatchObject([
    200,
    {
      is: 'begun',
      inFlight: 0,
      pause: { scope: 'group', group, owner: 'ops', because: 'maintenance' },
      retention: { topic: fixture.topic },
    },
  ])
  await follows(daemon, 1)
  expect(await ask(daemon, '/admin/pause', pause)).toMatchObject([409, { error: expect.stringContaining('There is a pause already') }])
  expect(await ask(daemon, '/admin/pause', { ...pause, scope: 'chanel' })).toMatchObject([
    400,
    { error: expect.stringContaining('did you mean channel?') },
  ])
  expect(await ask(daemon, '/admin/resume', { scope: 'group', target: group, owner: 'ops' })).toMatchObject([200, { ended: { group } }])
  await follows(daemon, 0)

  const guest = await platform.person(campaign)
  const suppression = { account: campaign.accountId, address: guest.email, reason: 'bounced', owner: 'support', because: 'by phone' }
  for (const is of ['recorded', 'known']) expect(await ask(daemon, '/admin/suppress', suppression)).toMatchObject([200, { is }])
  await fixture.publisher.publishUserSignedUp({ ...campaign, ...guest })
  await fixture.drained()
  expect(await fixture.sql.query(`SELECT state, reason FROM worker.intents WHERE user_id = $1 AND kind = 'mail'`, [guest.userId])).toEqual([
    { state: 'skipped', reason: 'suppressed-bounced' },
  ])
  expect(fixture.smtp.counters.accepted).toBe(1)
  expect(daemon.lines).toContainEqual(
    expect.objectContaining({ msg: 'address suppressed by an operator', accountId: campaign.accountId, owner: 'support' }),
  )
  daemon.kill('SIGTERM')
  expect(await daemon.exited).toBe(0)
  expect(JSON.stringify([daemon.lines, daemon.other])).not.toContain(token)
  expect(JSON.stringify([daemon.lines, daemon.other])).not.toContain(guest.email)

  const without = fixture.daemon()
  await without.ready()
  const off = await post(without, '/admin/quiet')
  expect([off.status, await off.json()]).toEqual([403, { error: 'The admin verbs are off: set ADMIN_TOKEN and restart.' }])
  without.kill('SIGTERM')
  expect(await without.exited).toBe(0)

  const open = fixture.daemon({ ADMIN_ACCESS: 'public' })
  expect(await open.exited).toBe(1)
  expect([...open.lines.map(({ msg }) => msg), ...open.other].join('\n')).toContain(
    'ADMIN_ACCESS is public, but ADMIN_TOKEN is not set, so that anybody could stop the work: set ADMIN_TOKEN, or ADMIN_ACCESS to loopback.',
  )
})
