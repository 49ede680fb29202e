import { afterEach, describe, expect, it } from 'vitest'
import type { SendResult } from '../../../src/delivery/email/mail-relay.ts'
import { cleanUp, envelope, mail, never, scripted, sendOne, until } from './smtp-relay-fixture.ts'

afterEach(cleanUp)

describe('the meaning of a reply', () => {
  for (const extensions of [[], ['PIPELINING']]) {
    const how = extensions.length > 0 ? 'pipelined' : 'one by one'
    const cases: [string, Record<string, string>, Partial<Extract<SendResult, { is: 'refused' }>>][] = [
      ['4xx at MAIL', { MAIL: '451 4.3.0 later' }, { means: 'later', stage: 'MAIL FROM', code: 451, enhanced: '4.3.0' }],
      ['5xx at MAIL', { MAIL: '550 5.7.1 no' }, { means: 'sender', stage: 'MAIL FROM', code: 550, enhanced: '5.7.1' }],
      ['530 at MAIL', { MAIL: '530 5.7.0 log in' }, { means: 'login', stage: 'MAIL FROM', code: 530 }],
      ['4xx at RCPT', { RCPT: '450 4.2.1 greylisted' }, { means: 'later', stage: 'RCPT TO', code: 450 }],
      ['5xx at RCPT', { RCPT: '550 5.1.1 no such user' }, { means: 'no-such-mailbox', stage: 'RCPT TO', code: 550, enhanced: '5.1.1' }],
      ['454 at RCPT', { RCPT: '454 4.7.0 not now' }, { means: 'busy', stage: 'RCPT TO', code: 454 }],
      ['503 at RCPT', { RCPT: '503 5.5.1 bad sequence' }, { means: 'busy', code: 503 }],
      ['5xx at the end', { DOT: '554 5.6.0 spam' }, { means: 'message', stage: 'end of message', code: 554 }],
      ['4xx at the end', { DOT: '452 4.3.1 full' }, { means: 'later', stage: 'end of message', code: 452 }],
      ['421 at the end', { DOT: '421 4.3.2 closing' }, { means: 'busy', stage: 'end of message', code: 421 }],
    ]
    // With PIPELINING a server that takes RCPT may still refuse DATA; after a refused MAIL or RCPT it must.
    cases.push(['4xx at DATA', { DATA: '451 4.3.0 later' }, { means: 'later', stage: 'DATA', code: 451 }])
    cases.push(['5xx at DATA', { DATA: '554 5.6.0 no' }, { means: 'message', stage: 'DATA', code: 554 }])
    it.each(cases)(`%s, ${how}`, async (_name, replies, expected) => {
      const refusedEarlier = extensions.length > 0 && ('MAIL' in replies || 'RCPT' in replies)
      const { relay } = await scripted({
        extensions,
        replies: refusedEarlier ? { ...replies, DATA: '503 5.5.1 nobody to send to' } : replies,
      })
      expect(await sendOne(relay)).toMatchObject({ is: 'refused', ...expected })
    })

    it.each(['MAIL', 'RCPT'])(`421 at %s closes the connection and counts against the relay, ${how}`, async (verb) => {
      const { relay } = await scripted({ extensions, replies: { [verb]: (socket) => socket.end('421 4.3.2 too busy\r\n') } })
      expect(await sendOne(relay)).toMatchObject({ is: 'refused', means: 'busy', code: 421 })
    })
  }

  it('250 is accepted, with the id of the relay, and dots at line starts survive', async () => {
    const { relay, server } = await scripted({ extensions: ['PIPELINING'] })
    expect(await sendOne(relay)).toEqual({ is: 'accepted', code: 250, providerId: '4XyZ01abc' })
    expect(server.messages).toEqual(['Subject: hello\r\n\r\n..a line that begins with a dot\r\n'])
    expect(server.commands).toContain('RCPT TO:<ann@example.org>')
  })

  it('a mail larger than the announced limit of the relay is rejected without being sent', async () => {
    const { relay, server } = await scripted({ extensions: ['SIZE 40'] })
    expect(await sendOne(relay)).toMatchObject({ is: 'refused', means: 'message', code: 552 })
    expect(server.commands.some((line) => line.startsWith('MAIL'))).toBe(false)
  })

  it('a result contains no text of the relay', async () => {
    const { relay } = await scripted({ replies: { RCPT: '550 5.1.1 <ann@example.org> secret words' } })
    expect(JSON.stringify(await sendOne(relay))).not.toMatch(/ann|secret/)
  })
})

describe('an address beyond ASCII', () => {
  const to = 'bücherfreund@xn--bcher-kva.example'

  it('is not sent to a relay without SMTPUTF8, which counts against this mail alone', async () => {
    for (const envelopes of [
      { from: envelope.from, to },
      { from: to, to: envelope.to },
    ]) {
      const { relay, server } = await scripted({ extensions: ['PIPELINING', '8BITMIME'] })
      const session = await relay.acquire(never)
      expect(await session.send(envelopes, mail, never)).toEqual({
        is: 'refused',
        means: 'smtputf8',
        code: 553,
        enhanced: '5.6.7',
        stage: 'MAIL FROM',
      })
      session.release()
      expect(await sendOne(relay)).toMatchObject({ is: 'accepted' })
      expect(server.commands.filter((line) => line.startsWith('MAIL'))).toEqual(['MAIL FROM:<news@example.com>'])
      expect(server.connections()).toBe(1)
    }
  })

  it('is sent with SMTPUTF8 to a relay that offers it', async () => {
    const { relay, server } = await scripted({ extensions: ['PIPELINING', 'SMTPUTF8'] })
    expect(await sendOne(relay, mail, to)).toMatchObject({ is: 'accepted' })
    const commands = server.commands.map((line) => Buffer.from(line, 'latin1').toString('utf8'))
    expect(commands).toContain('MAIL FROM:<news@example.com> SMTPUTF8')
    expect(commands).toContain(`RCPT TO:<${to}>`)
  })
})

describe('the result when the connection ends', () => {
  const big = Buffer.alloc(8_000_000, `${'x'.repeat(76)}\r\n`)

  it('before DATA: not sent', async () => {
    const { relay } = await scripted({ replies: { RCPT: (socket) => socket.destroy() } })
    expect(await sendOne(relay)).toEqual({ is: 'not-sent', reason: 'connection-lost' })
  })

  it('in the middle of a body: not sent', async () => {
    const { relay } = await scripted({ body: (socket, received) => received > 100_000 && socket.destroy() })
    expect(await sendOne(relay, big)).toEqual({ is: 'not-sent', reason: 'connection-lost' })
  })

  it('after the end of the message: ambiguous', async () => {
    const { relay, server } = await scripted({ replies: { DOT: (socket) => socket.destroy() } })
    expect(await sendOne(relay)).toEqual({ is: 'ambiguous', reason: 'connection-lost' })
    expect(server.messages).toHaveLength(1)
  })

  it('after the end of the message, with half a reply: ambiguous', async () => {
    const { relay } = await scripted({ replies: { DOT: (socket) => socket.end('421 4.3.2 shutting do') } })
    expect(await sendOne(relay)).toEqual({ is: 'ambiguous', reason: 'connection-lost' })
  })

  it('after the 250: accepted, and the next mail takes a new connection', async () => {
    const { relay, server } = await scripted({ replies: { DOT: (socket) => socket.end('250 Ok\r\n') } })
    expect(await sendOne(relay)).toMatchObject({ is: 'accepted' })
    expect(await sendOne(relay)).toMatchObject({ is: 'accepted' })
    expect(server.connections()).toBe(2)
  })

  it('a relay that replies before the end of the body gets no more of it', async () => {
    const { relay, server } = await scripted({ body: (socket, received) => received > 100_000 && socket.write('552 5.3.4 enough\r\n') })
    expect(await sendOne(relay, big)).toMatchObject({ is: 'refused', code: 552, means: 'message' })
    expect(relay.stats()).toMatchObject({ idle: 0, inUse: 0 })
    await until(() => server.open() === 0)
    expect(server.messages).toEqual([])
  })

  it('a 250 before the end of the body does not count as accepted', async () => {
    const { relay, server } = await scripted({ body: (socket, received) => received > 100_000 && socket.write('250 Ok\r\n') })
    expect(await sendOne(relay, big)).toEqual({ is: 'not-sent', reason: 'protocol-error' })
    await until(() => server.open() === 0)
  })
})
