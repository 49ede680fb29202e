import { OperatorError } from '../src/std/failure.ts'
import { isLoopback } from '../src/std/loopback.ts'
import { belongTogether } from './file-kinds.ts'
import { readVariables, type Environment } from './read-variables.ts'
import type { Values } from './variables.ts'

/** TLS and SASL towards the brokers; certificates and keys as PEM texts. */
export interface KafkaAccessConfig {
  /** Absent: unencrypted. */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string }
  /** Absent: without a login. */
  readonly sasl?: PasswordLogin | TokenLogin | AwsLogin
}

/** `password` is a secret. */
interface PasswordLogin {
  readonly mechanism: 'SCRAM-SHA-512' | 'SCRAM-SHA-256' | 'PLAIN'
  readonly username: string
  readonly password: string
}

interface TokenLogin {
  readonly mechanism: 'OAUTHBEARER'
  /** The token itself, a secret; or the client that requests it, with a `secret` of its own. */
  readonly token: string | { readonly tokenUrl: string; readonly id: string; readonly secret: string; readonly scope?: string }
}

interface AwsLogin {
  readonly mechanism: 'AWS-MSK-IAM'
  readonly region: string
}

/** From KAFKA_SECURITY_PROTOCOL and its settings; adds a problem for settings that contradict each other or would send a password unencrypted. */
export function kafkaAccess(values: Values, problems: string[]): KafkaAccessConfig {
  // An invalid protocol is reported already, and the other settings cannot be checked against it.
  if (hasProblem(problems, 'KAFKA_SECURITY_PROTOCOL')) return {}
  const protocol = values.KAFKA_SECURITY_PROTOCOL
  const sasl = protocol.startsWith('SASL')
    ? login(values, problems)
    : refuseGiven(values, [...PASSWORD, ...OAUTH, ...AWS], 'SASL_SSL', problems)
  const tls = protocol.endsWith('SSL') ? trust(values, problems) : refuseGiven(values, SSL, 'SSL or SASL_SSL', problems)
  if (protocol === 'SASL_PLAINTEXT' && values.KAFKA_SASL_MECHANISM === 'PLAIN') {
    problems.push(
      'KAFKA_SASL_MECHANISM is PLAIN, which would send the password unencrypted under SASL_PLAINTEXT: ' +
        'set KAFKA_SECURITY_PROTOCOL to SASL_SSL, or use SCRAM-SHA-512.',
    )
  }
  const { KAFKA_SASL_MECHANISM: mechanism } = values
  if (protocol === 'SASL_PLAINTEXT' && (mechanism === 'OAUTHBEARER' || mechanism === 'AWS-MSK-IAM')) {
    problems.push(
      `KAFKA_SASL_MECHANISM is ${mechanism}, which would send the token unencrypted under SASL_PLAINTEXT: set KAFKA_SECURITY_PROTOCOL to SASL_SSL.`,
    )
  }
  return { ...(tls === null ? {} : { tls }), ...(sasl === null ? {} : { sasl }) }
}

/**
 * The same from the files as they are now, for a new connection or login: secrets and certificates are replaced while a daemon runs.
 *
 * @throws {OperatorError} every problem, as at the start; a file may be read while it is being replaced
 */
export function kafkaAccessNow(environment: Environment): KafkaAccessConfig {
  const { values, problems: unreadable } = readVariables(environment, (name) => ACCESS.test(name))
  const problems = [...unreadable]
  const access = kafkaAccess(values, problems)
  if (problems.length > 0) throw new OperatorError(problems.join(' '))
  return access
}

const ACCESS = /^KAFKA_(?:SECURITY|SSL|SASL|AWS)_/
const PASSWORD = ['KAFKA_SASL_USERNAME', 'KAFKA_SASL_PASSWORD'] as const
const CLIENT = ['KAFKA_SASL_OAUTH_TOKEN_URL', 'KAFKA_SASL_OAUTH_CLIENT_ID', 'KAFKA_SASL_OAUTH_CLIENT_SECRET'] as const
const OAUTH = ['KAFKA_SASL_OAUTH_TOKEN', ...CLIENT, 'KAFKA_SASL_OAUTH_SCOPE'] as const
const AWS = ['KAFKA_AWS_REGION'] as const
const SSL = ['KAFKA_SSL_CA_FILE', 'KAFKA_SSL_CERT_FILE', 'KAFKA_SSL_KEY_FILE'] as const

function login(values: Values, problems: string[]): NonNullable<KafkaAccessConfig['sasl']> | null {
  const { KAFKA_SASL_MECHANISM: mechanism } = values
  const used: readonly string[] = mechanism === 'OAUTHBEARER' ? OAUTH : mechanism === 'AWS-MSK-IAM' ? AWS : PASSWORD
  const unused = [...PASSWORD, ...OAUTH, ...AWS].filter((name) => !used.includes(name) && values[name] !== undefined)
  if (unused.length > 0 && !hasProblem(problems, 'KAFKA_SASL_MECHANISM')) {
    problems.push(
      `${haveNoEffect(unused)} while KAFKA_SASL_MECHANISM is ${mechanism}: set that to the mechanism you mean, or remove ${itOrThem(unused)}.`,
    )
  }
  if (mechanism === 'OAUTHBEARER') return tokenLogin(values, problems)
  return mechanism === 'AWS-MSK-IAM' ? awsLogin(values, problems) : passwordLogin(values, mechanism, problems)
}

function passwordLogin(values: Values, mechanism: PasswordLogin['mechanism'], problems: string[]): PasswordLogin | null {
  const { KAFKA_SASL_USERNAME: username, KAFKA_SASL_PASSWORD: password } = values
  for (const name of PASSWORD) {
    if (values[name] === undefined && !hasProblem(problems, name)) {
      problems.push(`${name} is not set, but KAFKA_SECURITY_PROTOCOL is ${values.KAFKA_SECURITY_PROTOCOL}: give user and password.`)
    }
  }
  return username === undefined || password === undefined ? null : { mechanism, username, password }
}

function awsLogin({ KAFKA_AWS_REGION: region }: Values, problems: string[]): AwsLogin | null {
  if (region !== undefined) return { mechanism: 'AWS-MSK-IAM', region }
  if (!hasProblem(problems, 'KAFKA_AWS_REGION')) {
    problems.push('KAFKA_AWS_REGION is not set, but KAFKA_SASL_MECHANISM is AWS-MSK-IAM: give the region of the cluster.')
  }
  return null
}

function tokenLogin(values: Values, problems: string[]): TokenLogin | null {
  const { KAFKA_SASL_OAUTH_TOKEN: token, KAFKA_SASL_OAUTH_SCOPE: scope } = values
  const [tokenUrl, id, secret] = CLIENT.map((name) => values[name])
  if (OAUTH.some((name) => hasProblem(problems, name))) return null
  const ofClient = [...CLIENT, 'KAFKA_SASL_OAUTH_SCOPE' as const].filter((name) => values[name] !== undefined)
  if (token !== undefined) {
    if (ofClient.length > 0)
      problems.push(`${haveNoEffect(ofClient)} while KAFKA_SASL_OAUTH_TOKEN gives the token: remove one or the other.`)
    return { mechanism: 'OAUTHBEARER', token }
  }
  if (tokenUrl === undefined || id === undefined || secret === undefined) {
    const missing = CLIENT.filter((name) => values[name] === undefined)
    problems.push(
      `${missing.join(' and ')} ${missing.length === 1 ? 'is' : 'are'} not set, but KAFKA_SASL_MECHANISM is OAUTHBEARER: ` +
        'give a token by KAFKA_SASL_OAUTH_TOKEN_FILE, or all of KAFKA_SASL_OAUTH_TOKEN_URL, KAFKA_SASL_OAUTH_CLIENT_ID and KAFKA_SASL_OAUTH_CLIENT_SECRET.',
    )
    return null
  }
  const { protocol, hostname, username, password } = new URL(tokenUrl)
  if (username !== '' || password !== '') {
    problems.push('KAFKA_SASL_OAUTH_TOKEN_URL has a login: give it by KAFKA_SASL_OAUTH_CLIENT_ID and KAFKA_SASL_OAUTH_CLIENT_SECRET.')
  }
  if (protocol === 'http:' && !isLoopback(hostname)) {
    problems.push('KAFKA_SASL_OAUTH_TOKEN_URL begins with http://, which would send the client secret unencrypted: give an https:// URL.')
  }
  return { mechanism: 'OAUTHBEARER', token: { tokenUrl, id, secret, ...(scope === undefined ? {} : { scope }) } }
}

function trust(values: Values, problems: string[]): NonNullable<KafkaAccessConfig['tls']> {
  const { KAFKA_SSL_CA_FILE: ca, KAFKA_SSL_CERT_FILE: cert, KAFKA_SSL_KEY_FILE: key } = values
  problems.push(...wrongWithPair(['KAFKA_SSL_CERT_FILE', cert], ['KAFKA_SSL_KEY_FILE', key], problems))
  return { ...(ca === undefined ? {} : { ca }), ...(cert === undefined ? {} : { cert }), ...(key === undefined ? {} : { key }) }
}

/** Problems of a certificate and its key, each PEM or absent; none if a problem of one of them is reported already. */
export function wrongWithPair(
  [certName, cert]: readonly [string, string | undefined],
  [keyName, key]: readonly [string, string | undefined],
  reported: readonly string[],
): readonly string[] {
  if (hasProblem(reported, certName) || hasProblem(reported, keyName)) return []
  if ((cert === undefined) !== (key === undefined)) {
    const [given, missing] = cert === undefined ? [keyName, certName] : [certName, keyName]
    return [`${given} is set without ${missing}: a client certificate needs both.`]
  }
  if (cert === undefined || key === undefined || belongTogether(cert, key)) return []
  return [`${keyName} does not match the certificate in ${certName}: set the key that belongs to it.`]
}

/** Settings for a login or for TLS under a protocol without them are a mistake that would silently leave the connection unprotected. */
function refuseGiven(values: Values, names: readonly (keyof Values)[], protocol: string, problems: string[]): null {
  const given = names.filter((name) => values[name] !== undefined)
  if (given.length > 0) {
    problems.push(
      `${haveNoEffect(given)} while KAFKA_SECURITY_PROTOCOL is ${values.KAFKA_SECURITY_PROTOCOL}: ` +
        `set it to ${protocol}, or remove ${itOrThem(given)}.`,
    )
  }
  return null
}

function haveNoEffect(names: readonly string[]): string {
  return `${names.join(' and ')} ${names.length === 1 ? 'has' : 'have'} no effect`
}

function itOrThem(names: readonly string[]): string {
  return names.length === 1 ? 'it' : 'them'
}

/** Whether a problem of this variable is reported already. */
export function hasProblem(problems: readonly string[], name: string): boolean {
  return problems.some((problem) => problem.startsWith(name))
}
