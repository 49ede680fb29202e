import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { events } from '../../src/events/catalogue/events.ts'
import { object, string } from '../../src/events/catalogue/schema.ts'
import { tempFolder } from '../../stack/temp-folder.ts'
import { runProcess } from '../mutants/run-process.ts'
import { createFixture } from '../support/fixture.ts'
import { Platform } from '../support/platform.ts'

it('a candidate is tried on the real topic and its dead letters: what would break and what would be healed, by type, version and producer', async () => {
  const folder = tempFolder('rehearsal')
  onTestFinished(() => folder.remove())
  await using fixture = await createFixture({ partitions: 3 })
  const platform = new Platform(fixture.sql)
  const campaign = await platform.campaign()
  const { userId, email } = await platform.person(campaign)
  await using daemon = fixture.daemon()
  await daemon.ready()
  await fixture.publisher.publishUserSignedUp({ ...campaign, userId, email })
  await fixture.publisher.publishUserVerified({ ...campaign, userId, email })
  const data = { user_id: userId, campaign_id: campaign.campaignId }
  const unnamed = {
    id: crypto.randomUUID(),
    type: 'user.verified',
    account_id: campaign.accountId,
    campaign_id: campaign.campaignId,
    data,
    timestamp: new Date().toISOString(),
  }
  await fixture.sendRaw([
    {
      key: campaign.campaignId,
      value: Buffer.from(JSON.stringify(unnamed)),
      headers: { 'event-type': 'user.verified', 'event-version': '1', producer: 'import' },
    },
  ])
  await fixture.drained()

  const person = { user_id: string, campaign_id: string }
  const changes = new Map([
    ['user.signed_up', { data: object({ ...person, email: string, name: string }) }],
    ['user.verified', { data: object(person, { email: string }) }],
  ])
  const changed = events.map((event) => ({ ...event, ...changes.get(event.type) }))
  const candidate = join(folder.path, 'candidate.json')
  await writeFile(candidate, JSON.stringify({ version: '2.0.0', events: changed }))
  const rehearse = (...args: readonly string[]) =>
    runProcess('node', ['cmd/catalogue/main.ts', 'rehearse', '--today', 'current', ...args], {
      cwd: process.cwd(),
      env: fixture.variables,
      signal: AbortSignal.timeout(240_000),
    })

  const { code, output } = await rehearse('--candidate', candidate, '--since', '1h', '--json')
  expect(JSON.parse(output)).toEqual({
    since: expect.any(String),
    topics: expect.arrayContaining([fixture.topic, expect.stringMatching(`^${fixture.topic}\\..*email-workers\\.dlq$`)]),
    records: 3,
    deadLetters: 1,
    fates: [
      {
        is: 'breaks',
        type: 'user.signed_up',
        version: '1',
        producer: 'unknown',
        because: 'invalid-data: / breaks required: name',
        count: 1,
        first: expect.stringMatching(`^${fixture.topic}/\\d/\\d$`),
      },
      {
        is: 'heals',
        type: 'user.verified',
        version: '1',
        producer: 'import',
        because: 'invalid-data: / breaks required: email',
        count: 1,
        first: expect.stringMatching(`^${fixture.topic}/\\d/\\d$`),
      },
    ],
  })
  expect(code).toBe(2)
  const words = await rehearse('--candidate', candidate, '--since', '1h')
  expect(words.output).toMatch(/^1 record of user\.signed_up, version 1, by unknown would break: invalid-data: .* The first: /m)
  expect(words.output).toMatch(/^1 record of user\.verified, version 1, by import would be healed \(invalid-data: .*\)\. The first: /m)
  expect(words.output).toContain('Of 3 records 1 would break; of 1 dead letters 1 would be healed.')

  expect(words.output).toMatch(/^Read since \S+Z: \S+, \S+\.dlq/m)

  // The times of the records decide, and the same catalogue breaks nothing.
  expect(await rehearse('--candidate', candidate, '--since', new Date().toISOString())).toMatchObject({
    code: 0,
    output: expect.stringContaining('Of 0 records 0 would break; of 0 dead letters 0 would be healed.\n'),
  })
  expect(await rehearse('--candidate', 'current', '--since', '1h')).toMatchObject({ code: 0 })
  expect(
    await runProcess('node', ['cmd/catalogue/main.ts', 'rehearse', '--since', '1h'], {
      cwd: process.cwd(),
      env: { ...fixture.variables, KAFKA_TOPIC: `${fixture.topic}-misspelt` },
      signal: AbortSignal.timeout(60_000),
    }),
  ).toMatchObject({ code: 1, output: expect.stringContaining(`Topic ${fixture.topic}-misspelt does not exist on these brokers: correct`) })
  const groups = await fixture.sql.query('SELECT DISTINCT group_name FROM worker.progress')
  expect(groups).toHaveLength(fixture.groups.length)
})

it.each([
  [
    ['--since', '1h', '--candidate', 'package.json'],
    'package.json is no catalogue: it has no list of events. Give a file of config/events/released.',
  ],
  [['--since', '1h', '--candidate', 'README.md'], 'README.md is no catalogue: '],
  [['--since', 'yesterday'], 'Give a length of time before now such as 30m, 12h or 7d, or an RFC 3339 time such as 2026-01-31T00:00:00Z.'],
  [['--since', '2999-01-31T00:00:00Z'], 'It is in the future, where no record is. Give a time that has passed.'],
  [['--since', '2026-99-31T00:00:00Z'], 'Give a length of time before now such as'],
])('%j is refused with a sentence', async (args, sentence) => {
  const { code, output } = await runProcess('node', ['cmd/catalogue/main.ts', 'rehearse', ...args], {
    cwd: process.cwd(),
    env: {},
    signal: AbortSignal.timeout(240_000),
  })
  expect(output).toContain(sentence)
  expect(code).not.toBe(0)
  expect(output).not.toContain('    at ')
})
