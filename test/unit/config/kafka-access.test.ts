import { writeFileSync } from 'node:fs'
import { afterAll, describe, expect, it } from 'vitest'
import { loadWith, problemsWith } from './least.ts'
import { pemFiles } from './pem-files.ts'

const files = await pemFiles()
afterAll(() => files.remove())

const login = { KAFKA_SASL_USERNAME: 'worker', KAFKA_SASL_PASSWORD: 'hush' }
const access = (more: Record<string, string>) => {
  const { tls, sasl } = loadWith(more).kafka
  return { tls, sasl }
}

describe('access to the brokers', () => {
  it('is unencrypted and without a login by default', () => {
    expect(access({})).toEqual({ tls: undefined, sasl: undefined })
  })

  it('uses TLS with the public authorities, with a CA file, and with a client certificate', () => {
    expect(access({ KAFKA_SECURITY_PROTOCOL: 'SSL' })).toEqual({ tls: {}, sasl: undefined })
    expect(access({ KAFKA_SECURITY_PROTOCOL: 'ssl', KAFKA_SSL_CA_FILE: files.ca })).toEqual({ tls: { ca: files.text.ca }, sasl: undefined })
    const all = { KAFKA_SSL_CA_FILE: files.ca, KAFKA_SSL_CERT_FILE: files.cert, KAFKA_SSL_KEY_FILE: files.key }
    expect(access({ KAFKA_SECURITY_PROTOCOL: 'SSL', ...all })).toEqual({ tls: files.text, sasl: undefined })
  })

  it.each([
    ['SASL_SSL', undefined, 'SCRAM-SHA-512'],
    ['SASL_SSL', 'SCRAM-SHA-256', 'SCRAM-SHA-256'],
    ['SASL_SSL', 'PLAIN', 'PLAIN'],
    ['SASL_PLAINTEXT', undefined, 'SCRAM-SHA-512'],
  ])('takes a login under %s by %s', (protocol, mechanism, expected) => {
    const variables = { KAFKA_SECURITY_PROTOCOL: protocol, ...login, ...(mechanism ? { KAFKA_SASL_MECHANISM: mechanism } : {}) }
    const { tls, sasl } = access(variables)
    expect(sasl).toEqual({ mechanism: expected, username: 'worker', password: 'hush' })
    expect(tls).toEqual(protocol === 'SASL_SSL' ? {} : undefined)
  })
})

describe('a login by tokens', () => {
  const oauth = { KAFKA_SECURITY_PROTOCOL: 'SASL_SSL', KAFKA_SASL_MECHANISM: 'oauthbearer' }
  const client = {
    KAFKA_SASL_OAUTH_TOKEN_URL: 'https://id.example.com/token',
    KAFKA_SASL_OAUTH_CLIENT_ID: 'worker',
    KAFKA_SASL_OAUTH_CLIENT_SECRET: 'hush',
  }

  it('takes a token, or a client that requests tokens, with scopes or without', () => {
    expect(access({ ...oauth, KAFKA_SASL_OAUTH_TOKEN: 'a.b.' }).sasl).toEqual({ mechanism: 'OAUTHBEARER', token: 'a.b.' })
    const token = { tokenUrl: 'https://id.example.com/token', id: 'worker', secret: 'hush' }
    expect(access({ ...oauth, ...client }).sasl).toEqual({ mechanism: 'OAUTHBEARER', token })
    const scoped = access({ ...oauth, ...client, KAFKA_SASL_OAUTH_SCOPE: 'a b' }).sasl
    expect(scoped).toEqual({ mechanism: 'OAUTHBEARER', token: { ...token, scope: 'a b' } })
  })

  it.each<[string, Record<string, string>, string]>([
    [
      'neither',
      { KAFKA_SASL_OAUTH_CLIENT_ID: 'worker' },
      'KAFKA_SASL_OAUTH_TOKEN_URL and KAFKA_SASL_OAUTH_CLIENT_SECRET are not set, but KAFKA_SASL_MECHANISM is OAUTHBEARER: give a token by KAFKA_SASL_OAUTH_TOKEN_FILE, or all of KAFKA_SASL_OAUTH_TOKEN_URL, KAFKA_SASL_OAUTH_CLIENT_ID and KAFKA_SASL_OAUTH_CLIENT_SECRET.',
    ],
    [
      'both',
      { KAFKA_SASL_OAUTH_TOKEN: 'a.b.', KAFKA_SASL_OAUTH_SCOPE: 'a' },
      'KAFKA_SASL_OAUTH_SCOPE has no effect while KAFKA_SASL_OAUTH_TOKEN gives the token: remove one or the other.',
    ],
    [
      'a secret sent over a network without TLS',
      { ...client, KAFKA_SASL_OAUTH_TOKEN_URL: 'http://id.example.com/token' },
      'KAFKA_SASL_OAUTH_TOKEN_URL begins with http://, which would send the client secret unencrypted: give an https:// URL.',
    ],
    [
      'a token sent to the brokers without TLS',
      { ...client, KAFKA_SECURITY_PROTOCOL: 'SASL_PLAINTEXT' },
      'KAFKA_SASL_MECHANISM is OAUTHBEARER, which would send the token unencrypted under SASL_PLAINTEXT: set KAFKA_SECURITY_PROTOCOL to SASL_SSL.',
    ],
    [
      'a password beside it',
      { ...client, ...login },
      'KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD have no effect while KAFKA_SASL_MECHANISM is OAUTHBEARER: set that to the mechanism you mean, or remove them.',
    ],
    [
      'a token beside a password',
      { ...login, KAFKA_SASL_MECHANISM: 'PLAIN', KAFKA_SASL_OAUTH_TOKEN: 'a.b.' },
      'KAFKA_SASL_OAUTH_TOKEN has no effect while KAFKA_SASL_MECHANISM is PLAIN: set that to the mechanism you mean, or remove it.',
    ],
  ])('is refused with %s', (_, variables, sentence) => {
    expect(problemsWith({ ...oauth, ...variables })).toEqual([sentence])
  })
})

describe('a login by IAM of AWS', () => {
  const aws = { KAFKA_SECURITY_PROTOCOL: 'SASL_SSL', KAFKA_SASL_MECHANISM: 'aws-msk-iam' }

  it('takes a region', () => {
    expect(access({ ...aws, KAFKA_AWS_REGION: 'eu-central-1' }).sasl).toEqual({ mechanism: 'AWS-MSK-IAM', region: 'eu-central-1' })
  })

  it.each<[string, Record<string, string>, string]>([
    ['without a region', {}, 'KAFKA_AWS_REGION is not set, but KAFKA_SASL_MECHANISM is AWS-MSK-IAM: give the region of the cluster.'],
    [
      'with what is no region',
      { KAFKA_AWS_REGION: 'Frankfurt' },
      'KAFKA_AWS_REGION: "Frankfurt" has an invalid format; it must be a region such as eu-central-1.',
    ],
    [
      'without TLS',
      { KAFKA_AWS_REGION: 'eu-central-1', KAFKA_SECURITY_PROTOCOL: 'SASL_PLAINTEXT' },
      'KAFKA_SASL_MECHANISM is AWS-MSK-IAM, which would send the token unencrypted under SASL_PLAINTEXT: set KAFKA_SECURITY_PROTOCOL to SASL_SSL.',
    ],
    [
      'with a region that would not be used',
      { KAFKA_AWS_REGION: 'eu-central-1', KAFKA_SASL_MECHANISM: 'PLAIN', ...login },
      'KAFKA_AWS_REGION has no effect while KAFKA_SASL_MECHANISM is PLAIN: set that to the mechanism you mean, or remove it.',
    ],
  ])('is refused %s', (_, variables, sentence) => {
    expect(problemsWith({ ...aws, ...variables })).toEqual([sentence])
  })
})

describe('access as the files are now', () => {
  it('is that of the start until a file changes, and is refused by a sentence while a file is wrong', () => {
    const { kafka } = loadWith({ KAFKA_SECURITY_PROTOCOL: 'SSL', KAFKA_SSL_CERT_FILE: files.cert, KAFKA_SSL_KEY_FILE: files.key })
    expect(kafka.accessNow()).toEqual({ tls: kafka.tls })
    writeFileSync(files.cert, '')
    expect(() => kafka.accessNow()).toThrow(/^KAFKA_SSL_CERT_FILE: ".*" names a file that is empty; it must be /)
    writeFileSync(files.cert, files.text.cert)
    expect(kafka.accessNow()).toEqual({ tls: kafka.tls })
  })
})

describe('is refused in one sentence', () => {
  it.each<[string, Record<string, string>, string]>([
    [
      'PLAIN without TLS',
      { KAFKA_SECURITY_PROTOCOL: 'SASL_PLAINTEXT', KAFKA_SASL_MECHANISM: 'PLAIN', ...login },
      'KAFKA_SASL_MECHANISM is PLAIN, which would send the password unencrypted under SASL_PLAINTEXT: set KAFKA_SECURITY_PROTOCOL to SASL_SSL, or use SCRAM-SHA-512.',
    ],
    [
      'a login without its password',
      { KAFKA_SECURITY_PROTOCOL: 'SASL_SSL', KAFKA_SASL_USERNAME: 'worker' },
      'KAFKA_SASL_PASSWORD is not set, but KAFKA_SECURITY_PROTOCOL is SASL_SSL: give user and password.',
    ],
    [
      'a login that would not be used',
      login,
      'KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD have no effect while KAFKA_SECURITY_PROTOCOL is PLAINTEXT: set it to SASL_SSL, or remove them.',
    ],
    [
      'an authority that would not be used',
      { KAFKA_SECURITY_PROTOCOL: 'SASL_PLAINTEXT', KAFKA_SSL_CA_FILE: files.ca, ...login },
      'KAFKA_SSL_CA_FILE has no effect while KAFKA_SECURITY_PROTOCOL is SASL_PLAINTEXT: set it to SSL or SASL_SSL, or remove it.',
    ],
    [
      'a certificate without its key',
      { KAFKA_SECURITY_PROTOCOL: 'SSL', KAFKA_SSL_CERT_FILE: files.cert },
      'KAFKA_SSL_CERT_FILE is set without KAFKA_SSL_KEY_FILE: a client certificate needs both.',
    ],
    [
      'a key without its certificate',
      { KAFKA_SECURITY_PROTOCOL: 'SSL', KAFKA_SSL_KEY_FILE: files.key },
      'KAFKA_SSL_KEY_FILE is set without KAFKA_SSL_CERT_FILE: a client certificate needs both.',
    ],
    [
      'the key of another certificate',
      { KAFKA_SECURITY_PROTOCOL: 'SSL', KAFKA_SSL_CERT_FILE: files.cert, KAFKA_SSL_KEY_FILE: files.strangersKey },
      'KAFKA_SSL_KEY_FILE does not match the certificate in KAFKA_SSL_CERT_FILE: set the key that belongs to it.',
    ],
    [
      'a key with a passphrase',
      { KAFKA_SECURITY_PROTOCOL: 'SSL', KAFKA_SSL_CERT_FILE: files.cert, KAFKA_SSL_KEY_FILE: files.locked },
      `KAFKA_SSL_KEY_FILE: "${files.locked}" names a file with a key that needs a passphrase; it must be the path of a PEM file with a private key without a passphrase that this user may read.`,
    ],
    [
      'an unknown protocol, and nothing else',
      { KAFKA_SECURITY_PROTOCOL: 'TLS', KAFKA_SSL_CA_FILE: files.ca, ...login },
      'KAFKA_SECURITY_PROTOCOL: "TLS" is not one of these values; it must be PLAINTEXT, SSL, SASL_SSL or SASL_PLAINTEXT.',
    ],
  ])('%s', (_name, variables, problem) => {
    expect(problemsWith(variables)).toEqual([problem])
  })
})
