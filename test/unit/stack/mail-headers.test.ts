import { expect, test } from 'vitest'
import { mailHeaders } from '../../../stack/mail-headers.ts'

const names = new Set(['subject', 'message-id'])

test('requested headers are found in any case, folded lines joined, the first of two kept', () => {
  const raw = Buffer.from('SUBJECT: one\r\n two\r\nX: y\r\nMessage-Id:<1@example.com>\r\nsubject: later\r\n\r\nbody')
  expect(mailHeaders(raw, names)).toEqual({ subject: 'one two', 'message-id': '<1@example.com>' })
})

test('a line of the body is no header, and a message may be all headers or empty', () => {
  expect(mailHeaders(Buffer.from('X: y\r\n\r\nSubject: body'), names)).toEqual({})
  expect(mailHeaders(Buffer.from('Subject: all'), names)).toEqual({ subject: 'all' })
  expect(mailHeaders(Buffer.alloc(0), names)).toEqual({})
})
