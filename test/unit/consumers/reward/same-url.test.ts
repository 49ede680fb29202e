import { expect, it } from 'vitest'
import { sameUrl } from '../../../../src/consumers/reward/same-url.ts'

it.each([
  ['http://localhost:8080/a', 'HTTP://LOCALHOST:8080/a'],
  ['https://hooks.example.com', 'https://hooks.example.com/'],
  ['https://hooks.example.com/a', 'https://hooks.example.com:443/a'],
  ['https://hooks.example.com/a%2fb', 'https://hooks.example.com/a%2Fb'],
  ['https://bücher.example/a', 'https://xn--bcher-kva.example/a'],
  ['https://hooks.example.com/a', 'https://hooks.example.com/x/../a'],
  ['https://hooks.example.com/a', 'https://hooks.example.com/./x/%2e%2E/a'],
  ['https://hooks.example.com/a', '  https://hooks.example.com/a\n'],
  ['https://hooks.example.com/a b', 'https://hooks.example.com/a%20b'],
  ['https://hooks.example.com/a', 'https://hooks.example.com/a#part'],
  ['no url', 'no url'],
])('%j is the endpoint %j', (one, other) => {
  expect(sameUrl(one, other)).toBe(true)
  expect(sameUrl(other, one)).toBe(true)
})

it.each([
  ['https://hooks.example.com/a', 'http://hooks.example.com/a'],
  ['https://hooks.example.com/a', 'https://hooks.example.com/A'],
  ['https://hooks.example.com/a', 'https://hooks.example.com/a/'],
  ['https://hooks.example.com/a', 'https://hooks.example.com/a?'],
  ['https://hooks.example.com/a%2Fb', 'https://hooks.example.com/a/b'],
  ['https://hooks.example.com:8443/a', 'https://hooks.example.com/a'],
  ['https://one@hooks.example.com/a', 'https://hooks.example.com/a'],
  ['no url', 'no URL'],
])('%j is not the endpoint %j', (one, other) => {
  expect(sameUrl(one, other)).toBe(false)
})
