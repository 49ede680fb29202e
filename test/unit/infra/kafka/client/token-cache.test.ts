import { expect, it } from 'vitest'
import { cachedTokens, TokenError, type Token } from '../../../../../src/infra/kafka/client/token-cache.ts'

function tokensOf(validMs: number | null) {
  let now = 0
  let count = 0
  let failures = 0
  const request = async (): Promise<Token> => {
    await Promise.resolve()
    if (failures > 0) {
      failures -= 1
      throw new TokenError('TOKEN_UNAVAILABLE', 'away')
    }
    count += 1
    return { value: `token ${count}`, validMs }
  }
  const tokens = cachedTokens(request, { monotonic: () => now })
  return { tokens, at: (ms: number) => (now = ms), fail: (times: number) => (failures = times) }
}

it('keeps a token until a minute before its end', async () => {
  const { tokens, at } = tokensOf(900_000)
  expect(await tokens.take()).toBe('token 1')
  at(839_999)
  expect(await tokens.take()).toBe('token 1')
  at(840_000)
  expect(await tokens.take()).toBe('token 2')
  at(1_679_999)
  expect(await tokens.take()).toBe('token 2')
})

it('keeps a token of less than two minutes for half of its time', async () => {
  const { tokens, at } = tokensOf(60_000)
  expect(await tokens.take()).toBe('token 1')
  at(29_999)
  expect(await tokens.take()).toBe('token 1')
  at(30_000)
  expect(await tokens.take()).toBe('token 2')
})

it('shares one request among logins at the same time, also when they renew', async () => {
  const { tokens, at } = tokensOf(900_000)
  expect(await Promise.all([tokens.take(), tokens.take()])).toEqual(['token 1', 'token 1'])
  at(840_000)
  expect(await Promise.all([tokens.take(), tokens.take(), tokens.take()])).toEqual(['token 2', 'token 2', 'token 2'])
})

it('uses a token of unknown validity once, and forgets one that was refused', async () => {
  const unknown = tokensOf(null).tokens
  expect([await unknown.take(), await unknown.take()]).toEqual(['token 1', 'token 2'])
  const { tokens } = tokensOf(900_000)
  expect(await tokens.take()).toBe('token 1')
  tokens.forget()
  expect(await tokens.take()).toBe('token 2')
})

it('requests again after a failure, at the first token and at a renewal', async () => {
  const { tokens, at, fail } = tokensOf(900_000)
  fail(1)
  await expect(tokens.take()).rejects.toThrow('away')
  expect(await tokens.take()).toBe('token 1')
  at(840_000)
  fail(1)
  await expect(tokens.take()).rejects.toThrow('away')
  expect(await tokens.take()).toBe('token 2')
})
