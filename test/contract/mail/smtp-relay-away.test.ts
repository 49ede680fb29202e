import { afterEach, describe, expect, it } from 'vitest'
import { cleanUp, never, relayTo, scripted, scriptedServer, sendOne, sink, unavailable } from './smtp-relay-fixture.ts'

afterEach(cleanUp)

describe('a relay that is away or refuses connections', () => {
  it('counts as away from the first failure until a connection succeeds, or a mail is accepted where connections prove nothing', async () => {
    const smtp = await sink()
    let now = 0
    const relay = relayTo(smtp.url, { now: () => now })
    await smtp.halt()
    expect(relay.away()).toBeNull()
    await unavailable(relay.acquire(never))
    now += 60_000
    await unavailable(relay.acquire(never))
    expect(relay.away()).toMatchObject({ reason: 'relay-unreachable', forMs: 60_000, sentence: expect.stringContaining(relay.host) })
    await smtp.resume()
    now += 60_000
    await relay.verify(never)
    expect(relay.away()).toBeNull()

    smtp.respondWith((stage) => (stage === 'mail' ? { code: 421 } : undefined))
    await sendOne(relay)
    now += 60_000
    await relay.verify(never)
    expect(relay.away()).toMatchObject({ reason: 'relay-refuses-us', forMs: 60_000 })
    smtp.respondWith(undefined)
    expect(await sendOne(relay)).toMatchObject({ is: 'accepted' })
    expect(relay.away()).toBeNull()
  })

  it('fails calls at once, tries one connection at a time with backoff, and recovers', async () => {
    let now = 0
    const smtp = await sink()
    const relay = relayTo(smtp.url, { now: () => now, random: () => 1, reconnect: { baseMs: 1_000, maxMs: 4_000 } })
    await smtp.halt()
    const first = await Promise.all(Array.from({ length: 10 }, async () => unavailable(relay.acquire(never))))
    expect(new Set(first.map((error) => error.reason))).toEqual(new Set(['relay-unreachable']))
    expect(first[0]?.message).toMatch(/cannot be reached \(ECONNREFUSED\)/)
    expect(relay.stats().failures).toBe(1)
    for (const pauseMs of [1_000, 2_000, 4_000, 4_000]) {
      expect((await unavailable(relay.acquire(never))).retryAfterMs).toBe(pauseMs)
      now += pauseMs
      await unavailable(relay.acquire(never))
    }
    now += 4_000
    await smtp.resume()
    expect(await Promise.all(Array.from({ length: 10 }, async () => sendOne(relay)))).toEqual(
      Array(10).fill(expect.objectContaining({ is: 'accepted' })),
    )
    expect(relay.stats().failures).toBe(0)
  })

  it('is tried with one connection for all waiting callers after a failure', async () => {
    let now = 0
    let greetings = 0
    const server = await scriptedServer({ greeting: (socket) => void (greetings++ === 0 && socket.end('554 5.7.1 not you\r\n')) })
    const relay = relayTo(`smtp://127.0.0.1:${server.port}`, { now: () => now })
    await unavailable(relay.acquire(never))
    now += 1_000
    const waiting = Array.from({ length: 5 }, async () => unavailable(relay.acquire(never)))
    expect(relay.stats()).toMatchObject({ connecting: 1, waiting: 5 })
    await relay.close()
    await Promise.all(waiting)
  })

  it('535 names the credentials without revealing them', async () => {
    const smtp = await sink({ auth: true })
    const relay = relayTo(`smtp://sink:wrong-password@127.0.0.1:${smtp.port}`)
    const error = await unavailable(relay.verify(never))
    expect(error).toMatchObject({ reason: 'relay-credentials-refused', credentials: true })
    expect(error.message).toMatch(/rejects the credentials in SMTP_URL \(535\)/)
    expect(error.message).not.toMatch(/wrong-password|sink/)
  })

  it('accepts a login with the right credentials', async () => {
    const smtp = await sink({ auth: { user: 'mail@example.com', password: 'p@ss:w/rd%' } })
    const relay = relayTo(smtp.url)
    await relay.verify(never)
    expect(await sendOne(relay)).toMatchObject({ is: 'accepted' })
  })

  it('gets no credentials when it offers no login', async () => {
    const { port, commands } = await scripted({}).then(({ server }) => server)
    const error = await unavailable(relayTo(`smtp://user:password@127.0.0.1:${port}`).verify(never))
    expect(error).toMatchObject({ credentials: true })
    expect(commands.some((line) => line.startsWith('AUTH'))).toBe(false)
  })

  it('delays later callers after a 530 at MAIL', async () => {
    const { relay } = await scripted({ replies: { MAIL: '530 5.7.0 log in first' } })
    expect(await sendOne(relay)).toMatchObject({ is: 'refused', means: 'login' })
    const error = await unavailable(relay.acquire(never))
    expect(error).toMatchObject({ reason: 'relay-credentials-refused', credentials: true })
    expect(error.message).toMatch(/requires a login and SMTP_URL has none \(530 5\.7\.0\)/)
    expect(error.retryAfterMs).toBeGreaterThan(0)
  })

  it('is tried with backoff when it accepts connections and drops them before a mail', async () => {
    const { relay, server } = await scripted({ replies: { MAIL: (socket) => socket.destroy() } })
    const results = await Promise.allSettled(Array.from({ length: 50 }, async () => sendOne(relay)))
    expect(results.filter((result) => result.status === 'fulfilled' && result.value.is !== 'not-sent')).toEqual([])
    expect(server.connections()).toBeLessThanOrEqual(11)
  })

  it('counts as refusing connections when it greets with 554', async () => {
    const { relay } = await scripted({ greeting: '554 5.7.1 not you' })
    const error = await unavailable(relay.acquire(never))
    expect(error).toMatchObject({ reason: 'relay-refuses-us' })
    expect(error.message).toMatch(/\(554 5\.7\.1\)/)
  })

  it('is used with fewer connections when it allows no more', async () => {
    let open = 0
    const { relay, server } = await scripted({
      greeting: (socket) => {
        open += 1
        socket.on('close', () => (open -= 1))
        if (open > 2) socket.end('421 4.7.0 too many connections\r\n')
        else socket.write('220 relay.example.com ESMTP\r\n')
      },
    })
    // The third caller fails, or waits for one of the two; nobody who was served fails.
    await Promise.all([sendOne(relay), sendOne(relay)])
    const results = await Promise.all(Array.from({ length: 300 }, async () => sendOne(relay)))
    expect(results.every((result) => result.is === 'accepted')).toBe(true)
    expect(server.messages).toHaveLength(302)
    // Two that work, and those that were connecting when one was refused: not others after each mail that the two have sent.
    expect(server.connections()).toBeLessThanOrEqual(20)
    expect(relay.away()).toBeNull()
  })
})
