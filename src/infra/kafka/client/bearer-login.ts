import type { Mechanism } from 'kafkajs'
import { TokenError, type Tokens } from './token-cache.ts'

/**
 * SASL OAUTHBEARER (https://www.rfc-editor.org/rfc/rfc7628#section-3.1). Ours, because that of kafkajs 2.2.4 takes a refused token for an accepted
 * one: the broker answers with its reason instead of nothing, and without an error code. And when there is no token, kafkajs begins another
 * exchange on the same connection, which brokers refuse as an illegal state: here each exchange ends, and the broker closes the connection.
 */
export function bearerLogin(tokens: Tokens): Mechanism {
  return {
    mechanism: 'oauthbearer',
    authenticationProvider: ({ saslAuthenticate }) => ({
      authenticate: async () => {
        let token: string
        try {
          token = await tokens.take()
        } catch (error) {
          await saslAuthenticate({ request: ABORT }).catch(() => undefined)
          throw error
        }
        const isRefused = await saslAuthenticate({
          request: { encode: () => withLength(`n,,\u0001auth=Bearer ${token}\u0001\u0001`) },
          response,
        })
        if (isRefused !== true) return
        tokens.forget()
        await saslAuthenticate({ request: ABORT })
        throw new TokenError('SASL_AUTHENTICATION_FAILED', 'the broker refuses the token')
      },
    }),
  }
}

/** The client's answer to a refusal, at which the broker fails the login (https://www.rfc-editor.org/rfc/rfc7628#section-3.2.3). */
const ABORT = { encode: () => withLength('\u0001') }

/** Whether the token is refused. kafkajs gives the answer with its length, which is 0 or -1 where the token is accepted. */
const response = { decode: (answer: Buffer) => answer, parse: (answer: Buffer) => answer.readInt32BE() > 0 }

/** As Kafka's protocol writes bytes. */
function withLength(text: string): Buffer {
  const bytes = Buffer.from(text)
  const length = Buffer.alloc(4)
  length.writeInt32BE(bytes.length)
  return Buffer.concat([length, bytes])
}
