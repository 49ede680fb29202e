import { belongTogether } from './file-kinds.ts'
import type { Values } from './variables.ts'

/** How the brokers are reached, in the words of Kafka; certificates and keys as PEM texts. */
export interface KafkaAccessConfig {
  /** Absent: in clear. */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string }
  /** Absent: without a login. `password` is a secret. */
  readonly sasl?: {
    readonly mechanism: 'SCRAM-SHA-512' | 'SCRAM-SHA-256' | 'PLAIN'
    readonly username: string
    readonly password: string
  }
}

/** Out of KAFKA_SECURITY_PROTOCOL and what goes with it; adds to the problems what does not fit together, or would send a password in clear. */
export function kafkaAccess(values: Values, problems: string[]): KafkaAccessConfig {
  // A word that is no protocol has its complaint, and nothing can be held against it.
  if (isTold(problems, 'KAFKA_SECURITY_PROTOCOL')) return {}
  const protocol = values.KAFKA_SECURITY_PROTOCOL
  const sasl = protocol.startsWith('SASL') ? login(values, problems) : refuseGiven(values, SASL, 'SASL_SSL', problems)
  const tls = protocol.endsWith('SSL') ? trust(values, problems) : refuseGiven(values, SSL, 'SSL or SASL_SSL', problems)
  if (protocol === 'SASL_PLAINTEXT' && values.KAFKA_SASL_MECHANISM === 'PLAIN') {
    problems.push(
      'KAFKA_SASL_MECHANISM is PLAIN, which would send the password in clear under SASL_PLAINTEXT: ' +
        'set KAFKA_SECURITY_PROTOCOL to SASL_SSL, or use SCRAM-SHA-512.',
    )
  }
  return { ...(tls === null ? {} : { tls }), ...(sasl === null ? {} : { sasl }) }
}

const SASL = ['KAFKA_SASL_USERNAME', 'KAFKA_SASL_PASSWORD'] as const
const SSL = ['KAFKA_SSL_CA_FILE', 'KAFKA_SSL_CERT_FILE', 'KAFKA_SSL_KEY_FILE'] as const

function login(values: Values, problems: string[]): NonNullable<KafkaAccessConfig['sasl']> | null {
  const { KAFKA_SASL_USERNAME: username, KAFKA_SASL_PASSWORD: password, KAFKA_SASL_MECHANISM: mechanism } = values
  for (const name of SASL) {
    if (values[name] === undefined && !isTold(problems, name)) {
      problems.push(`${name} is not set, but KAFKA_SECURITY_PROTOCOL is ${values.KAFKA_SECURITY_PROTOCOL}: give user and password.`)
    }
  }
  return username === undefined || password === undefined ? null : { mechanism, username, password }
}

function trust(values: Values, problems: string[]): NonNullable<KafkaAccessConfig['tls']> {
  const { KAFKA_SSL_CA_FILE: ca, KAFKA_SSL_CERT_FILE: cert, KAFKA_SSL_KEY_FILE: key } = values
  problems.push(...wrongWithPair(['KAFKA_SSL_CERT_FILE', cert], ['KAFKA_SSL_KEY_FILE', key], problems))
  return { ...(ca === undefined ? {} : { ca }), ...(cert === undefined ? {} : { cert }), ...(key === undefined ? {} : { key }) }
}

/** What is wrong with a certificate and its key, each PEM or absent; nothing where one of them has its complaint already. */
export function wrongWithPair(
  [certName, cert]: readonly [string, string | undefined],
  [keyName, key]: readonly [string, string | undefined],
  told: readonly string[],
): readonly string[] {
  if (isTold(told, certName) || isTold(told, keyName)) return []
  if ((cert === undefined) !== (key === undefined)) {
    const [given, missing] = cert === undefined ? [keyName, certName] : [certName, keyName]
    return [`${given} is given without ${missing}: a client certificate needs both, or neither.`]
  }
  if (cert === undefined || key === undefined || belongTogether(cert, key)) return []
  return [`${keyName} names the key of another certificate than that of ${certName}: give the two that belong together.`]
}

/** Settings for a login or for TLS under a protocol without are a mistake that would leave the brokers unprotected without a word. */
function refuseGiven(values: Values, names: readonly (keyof Values)[], protocol: string, problems: string[]): null {
  const given = names.filter((name) => values[name] !== undefined)
  if (given.length > 0) {
    problems.push(
      `${given.join(' and ')} ${given.length === 1 ? 'has' : 'have'} no effect while KAFKA_SECURITY_PROTOCOL is ` +
        `${values.KAFKA_SECURITY_PROTOCOL}: set it to ${protocol}, or remove ${given.length === 1 ? 'it' : 'them'}.`,
    )
  }
  return null
}

/** Whether a variable has its complaint already. */
export function isTold(problems: readonly string[], name: string): boolean {
  return problems.some((problem) => problem.startsWith(name))
}
