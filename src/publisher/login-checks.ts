import type { KafkaSasl } from '../infra/kafka/client/access.ts'
import { isObject } from './option-checks.ts'

/** @throws {TypeError} `tls` is no object: the connection would be plaintext, or trust what nobody named */
export function requireTls(tls: unknown): void {
  if (tls !== undefined && !isObject(tls))
    throw new TypeError('`tls` must be an object: {} trusts the public authorities; leave it out for plaintext')
}

/** @throws {TypeError} a mechanism that does not exist, or that lacks what it logs in with: the application would connect without a login */
export function requireSasl(sasl: unknown): void {
  if (sasl === undefined) return
  if (!isObject(sasl)) throw new TypeError('`sasl` must be an object with a `mechanism`; leave it out to connect without a login')
  const needs = mechanisms.get(sasl['mechanism'])
  if (needs === undefined)
    throw new TypeError(`\`sasl.mechanism\` must be one of ${[...mechanisms.keys()].join(', ')}, in upper case as written here`)
  requireTexts('sasl', sasl, needs)
  if (sasl['mechanism'] === 'OAUTHBEARER') requireToken(sasl['token'])
}

/** What each logs in with, as texts. */
const mechanisms = new Map<unknown, readonly string[]>(
  Object.entries({
    PLAIN: ['username', 'password'],
    'SCRAM-SHA-256': ['username', 'password'],
    'SCRAM-SHA-512': ['username', 'password'],
    OAUTHBEARER: [],
    'AWS-MSK-IAM': ['region'],
  } satisfies Record<KafkaSasl['mechanism'], readonly string[]>),
)

function requireToken(token: unknown): void {
  if (typeof token === 'function' || (typeof token === 'string' && token !== '')) return
  if (!isObject(token))
    throw new TypeError('`sasl.token` must be a token, a function that returns one, or an object with `tokenUrl`, `id` and `secret`')
  requireTexts('sasl.token', token, ['tokenUrl', 'id', 'secret'])
  if (!URL.canParse(String(token['tokenUrl']))) throw new TypeError('`sasl.token.tokenUrl` must be a URL that begins with https://')
}

function requireTexts(of: string, given: Readonly<Record<string, unknown>>, names: readonly string[]): void {
  for (const name of names) {
    const value = given[name]
    if (typeof value !== 'string' || value === '') throw new TypeError(`\`${of}.${name}\` must be a text that is not empty`)
  }
}
