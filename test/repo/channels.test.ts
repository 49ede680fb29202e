import { expect, it } from 'vitest'
import { channelNames } from '../../src/daemon/compose/channels.ts'
import { filesUnder } from './source-files.ts'

/** A comparison of a channel with a name, in TypeScript or SQL: `channel === 'email'`, `i.channel <> 'email'`, `CASE i.channel WHEN 'email'`. */
const compared = new RegExp(
  `\\bchannel\\b\\s*\\)*\\s*(?:[=!]==?|=|<>|!=|(?:NOT )?IN \\(|WHEN|= ANY \\(ARRAY\\[)\\s*['"](?:${channelNames.join('|')})['"]`,
)

it('no behaviour of a channel depends on its name: each is a field of its definition', () => {
  const found = filesUnder(['src', 'cmd/kafka-worker', 'cmd/workerctl'], 'ts').flatMap(({ path, text }) =>
    text.split('\n').flatMap((line, index) => (compared.test(line) ? [`${path}:${index + 1} ${line.trim()}`] : [])),
  )
  expect(found).toEqual([])
})

it.each([
  `if (fact.channel === 'email') return`,
  `WHERE class <> 'live' AND channel <> 'broadcast'`,
  `b.destination = CASE i.channel WHEN 'email' THEN 'relay' END`,
  `kinds.some(({ channel }) => channel === 'webhook')`,
])('a comparison is recognised: %s', (line) => {
  expect(line).toMatch(compared)
})
