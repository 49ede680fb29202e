import type { Clock } from '../../../std/clock.ts'

/** A bearer token. */
export interface Token {
  readonly value: string
  /** Milliseconds from now; null when nobody said, and it is used for one login. */
  readonly validMs: number | null
}

/** Where the tokens of a client come from; logins at the same time share one. */
export interface Tokens {
  /** One that is valid for long enough for a login. */
  take(): Promise<string>
  /** After it was refused: the next login gets another one. */
  forget(): void
}

/**
 * No token was given: `TOKEN_REFUSED` lasts until an operator acts, `TOKEN_UNAVAILABLE` may be over soon. Or the broker refuses it, by Kafka's own
 * name for that. The message is one sentence without a full stop. Type and `retriable` are what kafkajs's own errors have, and what it goes by.
 */
export class TokenError extends Error {
  override readonly name = 'TokenError'
  readonly type: 'TOKEN_REFUSED' | 'TOKEN_UNAVAILABLE' | 'SASL_AUTHENTICATION_FAILED'
  readonly retriable: boolean

  constructor(type: TokenError['type'], message: string) {
    super(message)
    this.type = type
    this.retriable = type === 'TOKEN_UNAVAILABLE'
  }
}

/** The longest time before its end at which a token is replaced. kafkajs logs in again 10 s before the end of a session, which ends with its token. */
const RENEW_BEFORE_MS = 60_000

/** Keeps each token until a minute before its end, or for half of its time if that is shorter. */
export function cachedTokens(request: () => Promise<Token>, clock: Pick<Clock, 'monotonic'>): Tokens {
  let held: { readonly token: Promise<Token>; readonly requestedAt: number } | null = null
  const isFresh = (token: Token, requestedAt: number) =>
    token.validMs !== null && clock.monotonic() - requestedAt < token.validMs - Math.min(RENEW_BEFORE_MS, token.validMs / 2)

  function renewed(): Promise<Token> {
    const token = request()
    const holding = { token, requestedAt: clock.monotonic() }
    held = holding
    token.catch(() => {
      if (held === holding) held = null
    })
    return token
  }

  return {
    take: async () => {
      const before = held
      if (before === null) return (await renewed()).value
      const token = await before.token
      if (isFresh(token, before.requestedAt)) return token.value
      // Another login may have noticed first.
      return (await (held === before || held === null ? renewed() : held.token)).value
    },
    forget: () => {
      held = null
    },
  }
}
