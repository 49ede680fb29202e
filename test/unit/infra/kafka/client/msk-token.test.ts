import { generateAuthToken } from 'aws-msk-iam-sasl-signer-js'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { requestMskToken } from '../../../../../src/infra/kafka/client/msk-token.ts'
import { cachedTokens } from '../../../../../src/infra/kafka/client/token-cache.ts'

const START = new Date('2026-03-01T12:00:00Z')

/** Only the time of day: the library waits for promises of its own. */
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: START })
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIDEXAMPLE')
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'hidden-word')
})

afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllEnvs()
})

/** A token is a signed URL, encoded. */
function urlIn(token: string): URL {
  return new URL(Buffer.from(token, 'base64url').toString())
}

it('is the token of the signer, for the region, by the credentials of the environment, valid for 15 minutes', async () => {
  const token = await requestMskToken('eu-central-1')
  expect(token).toEqual({ value: (await generateAuthToken({ region: 'eu-central-1' })).token, validMs: 900_000 })
  const { host, searchParams } = urlIn(token.value)
  expect(host).toBe('kafka.eu-central-1.amazonaws.com')
  expect(Object.fromEntries(searchParams)).toMatchObject({
    Action: 'kafka-cluster:Connect',
    'X-Amz-Credential': 'AKIDEXAMPLE/20260301/eu-central-1/kafka-cluster/aws4_request',
    'X-Amz-Date': '20260301T120000Z',
    'X-Amz-Expires': '900',
  })
})

it('is renewed a minute before its end, and not earlier', async () => {
  const tokens = cachedTokens(() => requestMskToken('eu-central-1'), { monotonic: () => Date.now() })
  const signedAt = async (ms: number) => {
    vi.setSystemTime(START.getTime() + ms)
    return urlIn(await tokens.take()).searchParams.get('X-Amz-Date')
  }
  expect(await signedAt(0)).toBe('20260301T120000Z')
  expect(await signedAt(839_999)).toBe('20260301T120000Z')
  expect(await signedAt(840_000)).toBe('20260301T121400Z')
})

it('requires credentials in words for every program, which the package of the publisher shows as they are', async () => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', undefined)
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', undefined)
  vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true')
  vi.stubEnv('AWS_CONFIG_FILE', '/dev/null')
  vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', '/dev/null')
  await expect(requestMskToken('eu-central-1')).rejects.toThrow(
    /^AWS gives no credentials to log in to Kafka with \(.+\): give this program a role, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY$/,
  )
})
