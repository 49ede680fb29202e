import { expect, test } from 'vitest'
import { createSecretScanner } from '../../support/secret-scanner.ts'

const given = {
  DATABASE_URL: 'postgresql://worker:hidden%2Fdatabase@127.0.0.1/platform',
  HTTP_TOKEN: 'hidden-token-of-length',
  MAIL_FROM: 'Waitlist <waitlist@example.com>',
}

test.each([
  ['{"msg":"sent","to":"ada@example.org"}', 'an address, in the line "sent"'],
  ['{"msg":"to ada@example.org"}', 'an address, in the line that is not shown'],
  ['secret whsec_MDEyMzQ1Njc4OWFiY2RlZg==', 'a secret of a webhook, in the line that is not shown'],
  ['{"msg":"connecting","url":"hidden/database"}', 'the secret in DATABASE_URL, in the line "connecting"'],
  ['{"msg":"connecting","url":"hidden%2Fdatabase"}', 'the secret in DATABASE_URL, in the line "connecting"'],
  ['{"msg":"bearer","token":"hidden-token-of-length"}', 'the secret in HTTP_TOKEN, in the line "bearer"'],
])('what a process spills is found and reported without it: %s', (line, reported) => {
  const watch = createSecretScanner(given)
  watch.scan(line)
  expect(watch.found).toEqual([reported])
})

test.each([
  'from waitlist@example.com',
  'a secret begins with whsec_ and goes on',
  'postgresql://worker:***@127.0.0.1',
  'name@domain',
  'MAIL_FROM is one address, such as news@example.com',
])('what may be said is let through: %s', (line) => {
  const watch = createSecretScanner(given)
  watch.scan(line)
  expect(watch.found).toEqual([])
})
