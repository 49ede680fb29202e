import { describe, expect, it } from 'vitest'
import { findingOf } from '../../../../src/admin/doctor/way-out.ts'

describe('findingOf', () => {
  it.each([
    [
      'no Kafka broker answers at 127.0.0.1:1 (connect: refused): start Kafka there',
      'No Kafka broker answers at 127.0.0.1:1 (connect: refused).',
      'start Kafka there',
    ],
    ['The relay cannot be reached (ECONNREFUSED); check SMTP_URL', 'The relay cannot be reached (ECONNREFUSED).', 'check SMTP_URL'],
    ['A is wrong: run "npm run x", then y; or set Z=1.', 'A is wrong.', 'run "npm run x", then y; or set Z=1'],
    ['The role "a: b" may not: run GRANT.', 'The role "a: b" may not.', 'run GRANT'],
    ['Nothing more.', 'Nothing more.', 'look'],
  ])('splits %s', (text, sentence, fix) => {
    expect(findingOf(text, 'warning', 'look')).toEqual({ is: 'warning', sentence, fix })
  })
})
