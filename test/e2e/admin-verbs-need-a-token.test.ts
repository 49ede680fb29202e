import { expect, test } from 'vitest'
import type { Daemon } from '../support/daemon.ts'
import { eventually } from '../support/eventually.ts'
import { createFixture } from '../support/fixture.ts'
import { Platform } from '../support/platform.ts'

const token = 'admin-token-of-some-length'

function post(daemon: Daemon, path: string, shown = token): Promise<Response> {
  return fetch(`${daemon.url()}${path}`, { method: 'POST', headers: { authorization: `Bearer ${shown}` } })
}

test('POST /admin/quiet and /admin/unquiet do what the signals do, with the token only, and a public port without one is refused', async () => {
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
  daemon.kill('SIGTERM')
  expect(await daemon.exited).toBe(0)
  expect(JSON.stringify(daemon.lines)).not.toContain(token)

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
