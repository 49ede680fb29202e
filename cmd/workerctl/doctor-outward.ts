import type { Config } from '../../config/load.ts'
import type { Check, Seen } from '../../src/admin/doctor/check.ts'
import type { DatabaseReader } from '../../src/admin/doctor/database-reader.ts'
import { ENDPOINT_ANSWER_MS, endpointsSeen, MOST_ENDPOINTS } from '../../src/admin/doctor/endpoint-check.ts'
import { registrySeen } from '../../src/admin/doctor/registry-check.ts'
import { findingOf } from '../../src/admin/doctor/way-out.ts'
import { registerEvents } from '../../src/catalogue/registration.ts'
import { RelayUnavailable } from '../../src/delivery/email/mail-relay.ts'
import { events } from '../../src/events/catalogue/events.ts'
import { createAddressGuard } from '../../src/infra/http/address-guard.ts'
import { createEndpointProbe } from '../../src/infra/http/endpoint-probe.ts'
import { SmtpRelay } from '../../src/infra/mail/smtp/smtp-relay.ts'
import { parseSmtpUrl } from '../../src/infra/mail/smtp/smtp-url.ts'
import { createRegistryClient } from '../../src/infra/registry/registry-client.ts'
import { messageOf } from '../../src/std/failure.ts'

/** Less than the deadline of a check: the registry's own sentence names it. */
const REGISTRY_ANSWER_MS = 4_000

/** Looks for the schemas of the catalogue, and registers none. */
export function registryCheck({ kafka: { registry, registryNow } }: Config): Check {
  return {
    name: 'registry',
    needs: [],
    of: 'the schema registry',
    async look() {
      if (registry === null) return { sentence: 'KAFKA_SCHEMA_REGISTRY_URL is not set: records are read as JSON.', findings: [] }
      const client = createRegistryClient(registryNow, { deadlineMs: REGISTRY_ANSWER_MS })
      return registrySeen(new URL(registry.url).origin, await registerEvents(events, client, { dryRun: true }))
    },
  }
}

/** The relay and the endpoints of webhooks. @param reader knows the endpoints */
export function outwardChecks(config: Config, reader: DatabaseReader): readonly Check[] {
  const probe = createEndpointProbe({ guard: createAddressGuard(config.webhook), answerMs: ENDPOINT_ANSWER_MS })
  return [
    // Where the mail path is wrong, its variables are left out of `config`: nothing is known of the relay.
    { name: 'smtp', needs: ['configuration'], of: 'the SMTP relay', look: (signal) => relaySeen(config, signal) },
    {
      name: 'webhooks',
      needs: ['rights'],
      of: 'an endpoint',
      look: async (signal) => {
        const { urls, origins } = await reader.endpoints(MOST_ENDPOINTS)
        return endpointsSeen(await probe.probe(urls, signal), origins)
      },
    },
  ]
}

/** Less than the deadline of a check: the relay's own sentence names the stage that it did not answer at. */
const RELAY_ANSWER_MS = 8_000

/** Connects, secures and logs in; sends no mail. */
async function relaySeen({ mail }: Config, signal: AbortSignal): Promise<Seen> {
  if (mail.smtpUrl === undefined) return { sentence: 'SMTP_URL is not set: no group that runs sends mail.', findings: [] }
  const connectDeadlineMs = Math.min(mail.connectDeadlineMs, RELAY_ANSWER_MS)
  const server = parseSmtpUrl(mail.smtpUrl, mail)
  const relay = new SmtpRelay({ server, maxConnections: 1, sendDeadlineMs: mail.deadlineMs, connectDeadlineMs })
  try {
    await relay.verify(signal)
    const how = server.credentials === null ? 'without a login' : 'and accepts our login'
    return { sentence: `The relay at ${relay.host} answers ${how}; no mail was sent.`, findings: [] }
  } catch (error) {
    if (!(error instanceof RelayUnavailable)) throw error
    const waited = error.reason.startsWith('timeout') ? ` (waited ${connectDeadlineMs / 1_000} s)` : ''
    const { sentence, fix } = findingOf(messageOf(error))
    const finding = { is: 'failed' as const, sentence: sentence.replace(/\.$/, `${waited}.`), fix }
    return { sentence: finding.sentence, findings: [finding] }
  } finally {
    await relay.close()
  }
}
