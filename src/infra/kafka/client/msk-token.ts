import type * as Signer from 'aws-msk-iam-sasl-signer-js'
import { systemClock } from '../../../std/clock.ts'
import { messageOf } from '../../../std/failure.ts'
import { answerWithin } from '../../../std/within-deadline.ts'
import { TokenError, type Token } from './token-cache.ts'

/**
 * A token for the brokers of Amazon MSK with IAM: a request that AWS's own library signs with the credentials that AWS's SDK finds (environment,
 * profile, role of the container or machine), valid for 15 minutes. The library is loaded at the first token only.
 *
 * @throws {TokenError} refused when the library is not installed, as in an application that publishes; unavailable when there are no credentials,
 *   which a role may still get
 */
export async function requestMskToken(region: string): Promise<Token> {
  const { generateAuthToken } = await signer()
  try {
    const { token, expiryTime } = await answerWithin(
      DEADLINE_MS,
      generateAuthToken({ region }),
      `no answer within ${DEADLINE_MS / 1_000} s`,
    )
    return { value: token, validMs: expiryTime - systemClock.now() }
  } catch (error) {
    throw new TokenError(
      'TOKEN_UNAVAILABLE',
      `AWS gives no credentials to log in to Kafka with (${messageOf(error)}): give this program a role, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY`,
    )
  }
}

/** Credentials may come from a server that does not answer, and logins at the same time share them. Less than the 10 s that kafkajs has for a login. */
const DEADLINE_MS = 8_000

async function signer(): Promise<typeof Signer> {
  try {
    return await import('aws-msk-iam-sasl-signer-js')
  } catch {
    throw new TokenError('TOKEN_REFUSED', 'A login at Kafka by IAM of AWS needs the package aws-msk-iam-sasl-signer-js: install it as well')
  }
}
