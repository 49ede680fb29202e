import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Certificate } from './certificates.ts'

/** A further listener of the broker, on 127.0.0.1, that clients must speak TLS or log in to. */
export interface SecureListener {
  /** Upper case letters; no two of one name. */
  readonly name: string
  /** Absent: without TLS. */
  readonly tls?: {
    readonly server: Certificate
    /** PEM; clients must have a certificate of this authority. */
    readonly clientCa?: string
  }
  /** Absent: nobody logs in. PLAIN takes `plainUsers`, SCRAM those of the cluster, OAUTHBEARER the user that an unsigned token names (`unsignedToken`). */
  readonly sasl?: { readonly mechanisms: readonly string[]; readonly plainUsers?: readonly KafkaUser[]; readonly reauthenticateMs?: number }
}

export interface KafkaUser {
  readonly name: string
  readonly password: string
}

/** What server.properties says of a listener; certificates are written into the folder. */
export async function listenerProperties(listener: SecureListener, folder: string): Promise<Record<string, string | number>> {
  const { name, tls, sasl } = listener
  const prefix = `listener.name.${name.toLowerCase()}`
  const properties: Record<string, string | number> = {}
  if (tls) {
    // Kafka takes PEM where store files were: key and chain in one, authorities in the other.
    const keystore = join(folder, `${name}.pem`)
    await writeFile(keystore, `${tls.server.key}${tls.server.cert}\n`, { mode: 0o600 })
    Object.assign(properties, { [`${prefix}.ssl.keystore.type`]: 'PEM', [`${prefix}.ssl.keystore.location`]: keystore })
  }
  if (tls?.clientCa !== undefined) {
    const truststore = join(folder, `${name}.ca.pem`)
    await writeFile(truststore, `${tls.clientCa}\n`)
    Object.assign(properties, {
      [`${prefix}.ssl.truststore.type`]: 'PEM',
      [`${prefix}.ssl.truststore.location`]: truststore,
      [`${prefix}.ssl.client.auth`]: 'required',
    })
  }
  for (const mechanism of sasl?.mechanisms ?? []) {
    properties[`${prefix}.${mechanism.toLowerCase()}.sasl.jaas.config`] = `${JAAS}.${loginModule(mechanism, sasl?.plainUsers ?? [])};`
  }
  if (sasl) properties[`${prefix}.sasl.enabled.mechanisms`] = sasl.mechanisms.join(',')
  if (sasl?.reauthenticateMs !== undefined) properties[`${prefix}.connections.max.reauth.ms`] = sasl.reauthenticateMs
  return properties
}

/** As in `listener.security.protocol.map`. */
export function protocolOf({ tls, sasl }: SecureListener): string {
  return `${sasl ? 'SASL_' : ''}${tls ? 'SSL' : 'PLAINTEXT'}`
}

function loginModule(mechanism: string, plainUsers: readonly KafkaUser[]): string {
  switch (mechanism) {
    case 'PLAIN':
      return `plain.PlainLoginModule required${plainUsers.map((user) => ` user_${user.name}="${user.password}"`).join('')}`
    case 'OAUTHBEARER':
      return 'oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker"'
    default:
      return 'scram.ScramLoginModule required'
  }
}

/** A token that Kafka's unsecured OAUTHBEARER takes: a JWT without a signature (https://kafka.apache.org/documentation/#security_sasl_oauthbearer). */
export function unsignedToken(user: string, validMs: number): string {
  const now = Math.floor(Date.now() / 1_000)
  return `${encoded({ alg: 'none' })}.${encoded({ sub: user, iat: now, exp: now + Math.ceil(validMs / 1_000) })}.`
}

function encoded(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url')
}

const JAAS = 'org.apache.kafka.common.security'
