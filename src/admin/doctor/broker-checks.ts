import { tlsTrouble } from '../../std/tls-fault.ts'
import { BROKER_ANSWER_MS, kafkaRelease, type BrokerFacts } from './broker-facts.ts'
import type { Finding, Seen } from './check.ts'
import { DAY_MS } from '../../std/day.ts'

/** A certificate that ends sooner is worth a warning. */
const SOON_MS = 30 * DAY_MS

/** A certificate of ours. */
export interface OwnCertificate {
  /** Its variable. */
  readonly variable: string
  readonly notBefore: number
  readonly notAfter: number
}

/** Whether brokers accept connections and speak Kafka. One address that answers is enough for a client; the others are worth a warning. */
export function brokerSeen(facts: readonly BrokerFacts[]): Seen {
  const answering = facts.filter(({ refused }) => refused === null)
  const [first] = answering
  const listed = facts.map(({ address, refused }) => `${address} (${refused ?? 'answers'})`).join(', ')
  if (first === undefined) {
    const finding: Finding = {
      is: 'failed',
      sentence: `No broker accepts a connection: ${listed}.`,
      fix: 'start Kafka there, open the way to it, or correct KAFKA_BROKERS',
    }
    return { sentence: finding.sentence, findings: [finding] }
  }
  const speaking = answering.find(({ apiVersions }) => apiVersions !== null)
  const versions = speaking?.apiVersions ?? null
  // Behind a failed handshake nothing is said; the reason is the matter of the check of TLS, which a failure here would skip.
  const isBarred = answering.some(({ tls }) => tls !== null && tls.fault !== null)
  const isFailed = versions === null && !isBarred
  const findings = [
    ...answering.flatMap((one): readonly Finding[] => {
      const trouble = speechTrouble(one)
      return trouble === null
        ? []
        : [{ is: isFailed ? 'failed' : 'warning', sentence: `${one.address} ${trouble.what}.`, fix: trouble.fix }]
    }),
    ...facts.filter(({ refused }) => refused !== null).map(away),
  ]
  if (speaking === undefined || versions === null)
    return { sentence: findings[0]?.sentence ?? `${first.address} does not answer.`, findings }
  const release = kafkaRelease(versions)
  return { sentence: `${speaking.address} answers, by its API versions as Kafka ${release}.`, findings }
}

/** Why an address that accepts connections is not known to be a broker; null: it is, or the check of TLS says what is wrong with it. */
function speechTrouble({ tls, reply, apiVersions }: BrokerFacts): { readonly what: string; readonly fix: string } | null {
  if (apiVersions !== null) return null
  if (tls !== null && tls.fault !== null)
    return {
      what: 'accepts connections, but its TLS handshake fails, so Kafka was not reached',
      fix: 'see the check of TLS, which says why',
    }
  const isPlain = tls === null
  const port = 'correct the port in KAFKA_BROKERS'
  const orTls = isPlain ? ', or set KAFKA_SECURITY_PROTOCOL to SSL or SASL_SSL if its listener expects TLS' : ''
  const what = `accepts connections but does not speak Kafka`
  switch (reply ?? 'silent') {
    case 'silent':
      return {
        what: `accepts connections but does not answer as a Kafka broker (waited ${BROKER_ANSWER_MS / 1_000} s)`,
        fix: `${port}, set KAFKA_SECURITY_PROTOCOL to what its listener speaks, or check the health of the broker`,
      }
    case 'closed':
      return { what: `${what}${isPlain ? ', or expects TLS' : ''}: it closes them at the first request`, fix: `${port}${orTls}` }
    case 'tls':
      return {
        what: 'accepts connections but expects TLS, which KAFKA_SECURITY_PROTOCOL does not use',
        fix: `set KAFKA_SECURITY_PROTOCOL to SSL or SASL_SSL, or ${port}`,
      }
    case 'http':
      return { what: `${what}: it answers as an HTTP server`, fix: port }
    case 'postgresql':
      return { what: `${what}: it answers as a PostgreSQL server`, fix: port }
    case 'other':
      return { what: `${what}: it answers in another protocol`, fix: `${port}${orTls}` }
  }
}

/** Whether the brokers that answer prove who they are, and how long the certificates on both sides last. */
export function tlsSeen(facts: readonly BrokerFacts[], own: readonly OwnCertificate[], isOn: boolean, now: number): Seen {
  if (!isOn) return { sentence: 'KAFKA_SECURITY_PROTOCOL uses no TLS: nothing to verify.', findings: [] }
  const findings: Finding[] = []
  const ends: string[] = []
  for (const { address, tls } of facts) {
    if (tls === null) continue
    if (tls.fault !== null) {
      findings.push({
        is: 'failed',
        sentence: capital(`${tlsTrouble(tls.fault, `the Kafka broker at ${address}`)}.`),
        fix: fixes[tls.fault.is],
      })
    } else if (tls.notAfter !== null) {
      ends.push(`${address} until ${dateOf(tls.notAfter)}`)
      if (tls.notAfter - now < SOON_MS) {
        const sentence = `The certificate of ${address} ends on ${dateOf(tls.notAfter)}, in ${daysTo(tls.notAfter, now)}.`
        findings.push({ is: 'warning', sentence, fix: 'renew it on the broker' })
      }
    }
  }
  findings.push(...own.flatMap((certificate) => ownFindings(certificate, now)))
  const sentence =
    ends.length > 0 ? `Certificates verified: ${ends.join(', ')}.` : (findings[0]?.sentence ?? 'No broker showed a certificate.')
  return { sentence, findings }
}

function ownFindings({ variable, notBefore, notAfter }: OwnCertificate, now: number): readonly Finding[] {
  const fix = `put a new certificate and its key where ${variable} points`
  if (notAfter < now) return [{ is: 'failed', sentence: `Our certificate (${variable}) ended on ${dateOf(notAfter)}.`, fix }]
  if (notBefore > now)
    return [
      {
        is: 'failed',
        sentence: `Our certificate (${variable}) begins on ${dateOf(notBefore)}.`,
        fix: `${fix}, or correct the clock of this machine`,
      },
    ]
  if (notAfter - now >= SOON_MS) return []
  return [{ is: 'warning', sentence: `Our certificate (${variable}) ends on ${dateOf(notAfter)}, in ${daysTo(notAfter, now)}.`, fix }]
}

/** What a broker announces to clients, and whether it can be reached there: that, not KAFKA_BROKERS, is where a client connects to. */
export function advertisedFindings(facts: readonly BrokerFacts[]): readonly Finding[] {
  return facts.flatMap((one): readonly Finding[] => {
    const { address, refused } = one
    const trouble = refused === null ? speechTrouble(one) : null
    const what = refused === null ? trouble?.what : `cannot be reached from here (${refused})`
    if (what === undefined) return []
    const sentence = `The cluster announces a broker at ${address}, which ${what}.`
    return [{ is: 'failed', sentence, fix: 'start that broker, or correct advertised.listeners of the broker' }]
  })
}

function away({ address, refused }: BrokerFacts): Finding {
  return {
    is: 'warning',
    sentence: `${address} of KAFKA_BROKERS accepts no connection (${refused}).`,
    fix: 'start the broker, or take the address out of KAFKA_BROKERS',
  }
}

const fixes = {
  untrusted: 'give the certificate of the authority that signed it by KAFKA_SSL_CA_FILE',
  expired: 'renew it on the broker, or correct the clock of this machine',
  misnamed: 'give KAFKA_BROKERS, and advertised.listeners of the broker, a name that the certificate holds',
  'not-spoken': 'correct KAFKA_SECURITY_PROTOCOL, or the port in KAFKA_BROKERS',
  'client-refused': 'give a certificate that it trusts, and its key, by KAFKA_SSL_CERT_FILE and KAFKA_SSL_KEY_FILE',
  failed:
    'correct KAFKA_SECURITY_PROTOCOL or the port in KAFKA_BROKERS if the listener expects no TLS, or check the listener and the files of KAFKA_SSL_CA_FILE, KAFKA_SSL_CERT_FILE and KAFKA_SSL_KEY_FILE',
} as const

function dateOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10)
}

function daysTo(ms: number, now: number): string {
  const days = Math.max(0, Math.floor((ms - now) / DAY_MS))
  return days === 1 ? '1 day' : `${days} days`
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
