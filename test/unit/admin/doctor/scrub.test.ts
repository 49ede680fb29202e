import { describe, expect, it } from 'vitest'
import { createScrubber } from '../../../../src/admin/doctor/scrub.ts'

describe('createScrubber', () => {
  const scrub = createScrubber(['pass/word', 'abc'])

  it.each([
    ['a secret, as it is and percent-encoded', 'x pass/word y pass%2Fword', 'x *** y ***'],
    ['no text that is too short to be a secret', 'abc', 'abc'],
    ['user and password of a URL', 'postgresql://worker:a@b@db:5432/platform', 'postgresql://***@db:5432/platform'],
    ['the query of a URL', 'https://example.com/a?token=x&b=y z', 'https://example.com/a?*** z'],
    ['an address', 'Sender <jörg+a@exämple.org>, b', 'Sender <***@***>, b'],
    ['a pattern of addresses keeps its domain', '*@example.com', '*@example.com'],
    ['a bearer token', 'authorization: Bearer abc.def-1', 'authorization: Bearer ***'],
    ['a secret of a webhook', 'key whsec_AbC+/= end', 'key *** end'],
    ['a signed token', 'token eyJhbGciOi.eyJzdWIi.sig.', 'token ***.'],
    ['nothing else', 'kafka:9092 answers (code 5)', 'kafka:9092 answers (code 5)'],
  ])('removes %s', (_, text, scrubbed) => {
    expect(scrub(text)).toBe(scrubbed)
  })

  it('reaches names, lists, maps, dates and big numbers at any depth', () => {
    const value = { 'a@example.org': [{ b: new Map([['c@example.org', 7n]]) }, new Date(0), null, true, 3] }
    expect(scrub(value)).toEqual({ '***@***': [{ b: { '***@***': '7' } }, '1970-01-01T00:00:00.000Z', null, true, 3] })
  })
})
