import type { ConnectionOptions } from 'node:tls'
import type { KafkaConfig } from 'kafkajs'
import { systemClock } from '../../../std/clock.ts'
import { messageOf, OperatorError } from '../../../std/failure.ts'
import { answerWithin } from '../../../std/within-deadline.ts'
import { bearerLogin } from './bearer-login.ts'
import { requestMskToken } from './msk-token.ts'
import { requestClientToken, type OAuthClient } from './oauth-client.ts'
import { cachedTokens, TokenError, type Token } from './token-cache.ts'

/** TLS settings, in PEM. The host name and the certificate chain of every broker are always verified. */
export interface KafkaTls {
  /** Authorities that sign the brokers' certificates, instead of the public ones that Node knows. */
  readonly ca?: string | undefined
  /** Client certificate and key, for brokers that require one. */
  readonly cert?: string | undefined
  readonly key?: string | undefined
}

/** A login at the brokers. */
export type KafkaSasl = PasswordLogin | TokenLogin | AwsLogin

interface PasswordLogin {
  readonly mechanism: 'SCRAM-SHA-512' | 'SCRAM-SHA-256' | 'PLAIN'
  readonly username: string
  readonly password: string
}

/** By a token of AWS's IAM, sent as OAUTHBEARER. */
interface AwsLogin {
  readonly mechanism: 'AWS-MSK-IAM'
  readonly region: string
}

interface TokenLogin {
  readonly mechanism: 'OAUTHBEARER'
  /** The token itself, the client that requests it, or what returns one that is valid now: called for each login. */
  readonly token: string | OAuthClient | (() => string | Promise<string>)
}

export interface KafkaAccess {
  /** Absent: plaintext. `{}` trusts the public authorities. */
  readonly tls?: KafkaTls | undefined
  /** Absent: no login, except by `tls.cert`. */
  readonly sasl?: KafkaSasl | undefined
  /** The same read again, for each connection and login. Absent: they never change. @throws {Error} the last ones stay in use. */
  readonly accessNow?: (() => Pick<KafkaAccess, 'tls' | 'sasl'>) | undefined
}

/** The settings for kafkajs, and those of TLS for a new connection. */
export interface ClientAccess {
  readonly options: Pick<KafkaConfig, 'ssl' | 'sasl'>
  /** Only where `options.ssl` is set. */
  tlsNow(): ConnectionOptions
}

/**
 * How a client of kafkajs connects and logs in. Certificates and secrets are read again for each connection and each login, because both may be
 * replaced while the client lives; while what is read is wrong, the last that was right stays in use.
 *
 * @param onWrong gets the sentence whenever what was read is wrong
 * @throws {OperatorError} PLAIN or a token without TLS, which would send it unencrypted
 */
export function clientAccess(access: KafkaAccess, onWrong: (sentence: string) => void): ClientAccess {
  const { tls, sasl, accessNow } = access
  if ((sasl?.mechanism === 'OAUTHBEARER' || sasl?.mechanism === 'AWS-MSK-IAM') && tls === undefined) {
    throw new OperatorError('SASL OAUTHBEARER sends the token unencrypted: connect to the brokers over TLS (SASL_SSL)')
  }
  if (sasl?.mechanism === 'PLAIN' && tls === undefined) {
    throw new OperatorError('SASL PLAIN sends the password unencrypted: connect to the brokers over TLS (SASL_SSL), or use SCRAM-SHA-512')
  }
  let last: Pick<KafkaAccess, 'tls' | 'sasl'> = { tls, sasl }
  const now = () => {
    try {
      const next = accessNow?.() ?? last
      if ('then' in next) throw new Error('`accessNow` must return `tls` and `sasl` themselves, not a promise')
      last = next
    } catch (error) {
      onWrong(messageOf(error))
    }
    return last
  }
  return {
    options: {
      // kafkajs gives it to each socket, which takes `tlsNow` instead.
      ...(tls === undefined ? {} : { ssl: tlsOptions(tls) }),
      ...(sasl === undefined ? {} : { sasl: saslOptions(sasl, () => now().sasl ?? sasl) }),
    },
    tlsNow: () => tlsOptions(now().tls ?? tls ?? {}),
  }
}

function tlsOptions({ ca, cert, key }: KafkaTls): ConnectionOptions {
  return { rejectUnauthorized: true, ...given('ca', ca), ...given('cert', cert), ...given('key', key) }
}

function given(name: 'ca' | 'cert' | 'key', value: string | undefined): Record<string, string> {
  return value === undefined ? {} : { [name]: value }
}

function saslOptions(first: KafkaSasl, now: () => KafkaSasl): NonNullable<KafkaConfig['sasl']> {
  // The mechanism is a variable and stays what it is.
  if (first.mechanism === 'OAUTHBEARER') return bearerLogin(cachedTokens(() => tokenOf(kept(first, now())), systemClock))
  if (first.mechanism === 'AWS-MSK-IAM') return bearerLogin(cachedTokens(() => requestMskToken(first.region), systemClock))
  return passwordOptions(first.mechanism, () => kept(first, now()))
}

/** `next`, if it is a login of the same kind. */
function kept<Login extends KafkaSasl>(first: Login, next: KafkaSasl): Login {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the mechanism is that of its kind
  return next.mechanism === first.mechanism ? (next as Login) : first
}

/** A token that was given is used for one login: the next one reads its file again. */
async function tokenOf({ token }: TokenLogin): Promise<Token> {
  if (typeof token === 'string') return { value: token, validMs: null }
  if (typeof token !== 'function') return requestClientToken(token)
  try {
    const value = await answerWithin(TOKEN_DEADLINE_MS, Promise.resolve(token()), `no answer within ${TOKEN_DEADLINE_MS / 1_000} s`)
    if (typeof value !== 'string' || value === '') throw new TypeError('it must be a text')
    return { value, validMs: null }
  } catch (error) {
    throw new TokenError('TOKEN_UNAVAILABLE', `sasl.token gives no token (${messageOf(error)})`)
  }
}

/** kafkajs keeps its authenticator on this object, and reads user and password from it at each login. */
function passwordOptions(mechanism: PasswordLogin['mechanism'], now: () => PasswordLogin): NonNullable<KafkaConfig['sasl']> {
  const credentials = {
    get username() {
      return now().username
    },
    get password() {
      return now().password
    },
  }
  switch (mechanism) {
    case 'SCRAM-SHA-512':
      return Object.assign(credentials, { mechanism: 'scram-sha-512' } as const)
    case 'SCRAM-SHA-256':
      return Object.assign(credentials, { mechanism: 'scram-sha-256' } as const)
    case 'PLAIN':
      return Object.assign(credentials, { mechanism: 'plain' } as const)
  }
}

/** Less than the 10 s that kafkajs has for a login. */
const TOKEN_DEADLINE_MS = 8_000
