import { setTimeout as pause } from 'node:timers/promises'
import type { MailRelay, SendResult } from '../../../src/delivery/email/mail-relay.ts'
import { RelayUnavailable } from '../../../src/delivery/email/mail-relay.ts'
import type { SmtpRelayOptions } from '../../../src/infra/mail/smtp/smtp-relay-options.ts'
import { SmtpRelay } from '../../../src/infra/mail/smtp/smtp-relay.ts'
import { parseSmtpUrl } from '../../../src/infra/mail/smtp/smtp-url.ts'
import type { SmtpSink, SmtpSinkOptions } from '../../../stack/smtp-sink.ts'
import { startSmtpSink } from '../../../stack/smtp-sink.ts'
import type { Script, ScriptedRelay } from '../../support/scripted-relay.ts'
import { startScriptedRelay } from '../../support/scripted-relay.ts'

export const envelope = { from: 'news@example.com', to: 'ann@example.org' }
export const mail = Buffer.from('Subject: hello\r\n\r\n.a line that begins with a dot\r\n')
export const never = new AbortController().signal

/** What `cleanUp` does, last first. */
const cleanups: (() => Promise<unknown>)[] = []

/** Stops the servers and closes the relays of a test. */
export async function cleanUp(): Promise<void> {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
}

export function relayTo(url: string, options: Partial<SmtpRelayOptions> = {}): SmtpRelay {
  const relay = new SmtpRelay({ server: parseSmtpUrl(url), maxConnections: 10, sendDeadlineMs: 30_000, ...options })
  cleanups.push(() => relay.close())
  return relay
}

export async function sink(options: SmtpSinkOptions = {}): Promise<SmtpSink> {
  const started = await startSmtpSink(options)
  cleanups.push(() => started.stop())
  return started
}

export async function scriptedServer(script?: Script): Promise<ScriptedRelay> {
  const server = await startScriptedRelay(script)
  cleanups.push(() => server.stop())
  return server
}

export async function scripted(script: Script): Promise<{ server: ScriptedRelay; relay: SmtpRelay }> {
  const server = await scriptedServer(script)
  return { server, relay: relayTo(`smtp://127.0.0.1:${server.port}`) }
}

export async function sendOne(relay: MailRelay, body: Uint8Array = mail, to = envelope.to, signal = never): Promise<SendResult> {
  const session = await relay.acquire(signal)
  try {
    // As the daemon does while it commits the start.
    session.begin({ from: envelope.from, to }, body)
    await pause(1)
    return await session.send({ from: envelope.from, to }, body, signal)
  } finally {
    session.release()
  }
}

export async function until(fact: () => boolean): Promise<void> {
  const deadline = Date.now() + 60_000
  while (!fact()) {
    if (Date.now() > deadline) throw new Error('the fact did not come true within a minute')
    await pause(5)
  }
}

export async function unavailable(work: Promise<unknown>): Promise<RelayUnavailable> {
  const error = await work.then(
    () => null,
    (thrown: unknown) => thrown,
  )
  if (error instanceof RelayUnavailable) return error
  throw new Error(`expected RelayUnavailable, got ${String(error)}`)
}
