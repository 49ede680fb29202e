import { expect, it } from 'vitest'
import { causedBy, correlationIdInHeaders } from '../../../src/events/correlation.ts'

it('what an event causes keeps its correlation id, and names it as the cause', () => {
  expect(causedBy({ id: 'e1', correlation_id: 'request 7' })).toEqual({ correlationId: 'request 7', causationId: 'e1' })
  expect(causedBy({ id: 'e1' })).toEqual({ correlationId: 'e1', causationId: 'e1' })
})

it.each([
  [[], null],
  [['request 7'], 'request 7'],
  [['', 'request 7'], 'request 7'],
  [['a\r\nb'], null],
  [['ada@example.com'], null],
])('the correlation id in headers %j is %j', (texts, found) => {
  const headers = { 'correlation-id': texts.map((text) => Buffer.from(text)) }
  expect(correlationIdInHeaders({ headers })).toBe(found)
})
