import type { KafkaConfig } from 'kafkajs'
import { OperatorError } from '../../../std/failure.ts'

/** TLS settings, in PEM. The host name and the certificate chain of every broker are always verified. */
export interface KafkaTls {
  /** Authorities that sign the brokers' certificates, instead of the public ones that Node knows. */
  readonly ca?: string | undefined
  /** Client certificate and key, for brokers that require one. */
  readonly cert?: string | undefined
  readonly key?: string | undefined
}

/** A user of the brokers. */
export interface KafkaSasl {
  readonly mechanism: 'SCRAM-SHA-512' | 'SCRAM-SHA-256' | 'PLAIN'
  readonly username: string
  readonly password: string
}

export interface KafkaAccess {
  /** Absent: plaintext. `{}` trusts the public authorities. */
  readonly tls?: KafkaTls | undefined
  /** Absent: no login, except by `tls.cert`. */
  readonly sasl?: KafkaSasl | undefined
}

/**
 * The settings for kafkajs.
 *
 * @throws {OperatorError} PLAIN without TLS, which would send the password unencrypted
 */
export function clientAccess({ tls, sasl }: KafkaAccess): Pick<KafkaConfig, 'ssl' | 'sasl'> {
  if (sasl?.mechanism === 'PLAIN' && tls === undefined) {
    throw new OperatorError('SASL PLAIN sends the password unencrypted: connect to the brokers over TLS (SASL_SSL), or use SCRAM-SHA-512')
  }
  return {
    ...(tls === undefined
      ? {}
      : { ssl: { rejectUnauthorized: true, ...given('ca', tls.ca), ...given('cert', tls.cert), ...given('key', tls.key) } }),
    // A copy: kafkajs keeps its authenticator on the object that it is given.
    ...(sasl === undefined ? {} : { sasl: saslOptions(sasl) }),
  }
}

function given(name: 'ca' | 'cert' | 'key', value: string | undefined): Record<string, string> {
  return value === undefined ? {} : { [name]: value }
}

function saslOptions({ mechanism, username, password }: KafkaSasl): NonNullable<KafkaConfig['sasl']> {
  switch (mechanism) {
    case 'SCRAM-SHA-512':
      return { mechanism: 'scram-sha-512', username, password }
    case 'SCRAM-SHA-256':
      return { mechanism: 'scram-sha-256', username, password }
    case 'PLAIN':
      return { mechanism: 'plain', username, password }
  }
}
