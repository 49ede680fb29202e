import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { createEventProducer } from '../../src/infra/kafka/producer/kafka-event-transport.ts'
import type { TempFolder } from '../../stack/temp-folder.ts'
import { runProcess } from '../mutants/run-process.ts'
import { checkTypes, workCopy } from '../mutants/work-copy.ts'
import { startDaemon } from '../support/daemon.ts'
import { eventually } from '../support/eventually.ts'
import { Platform } from '../support/platform.ts'
import { createFixture } from '../support/fixture.ts'
import { changed, stepBelow } from '../support/walk.ts'

let copy: TempFolder

beforeAll(async () => {
  copy = await workCopy(process.cwd())
  await run('git', 'init', '--quiet')
  await writeFile(join(copy.path, '.git/info/exclude'), 'node_modules\n.cache\n')
  await run('git', 'add', '--all')
})

afterAll(() => copy.remove())

describe('the walk of CONTRIBUTING.md, in a copy of the repository', () => {
  it('adds a consumer that calls an endpoint, with a retry policy of its own, by a folder and a line of the registry', async () => {
    expect(await follow('### Call an endpoint about an event')).toEqual({
      created: ['src/consumers/audit/audit-consumer.ts'],
      edited: { 'src/consumers/registry.ts': lineAndImport },
    })
  })

  it('adds a consumer that keeps rows of its own by a folder, with its migrations, and a line of the registry', async () => {
    expect(await follow('### Keep rows of your own')).toEqual({
      created: ['src/consumers/tally/migrations/001.do.referrers.sql', 'src/consumers/tally/tally-consumer.ts'],
      edited: { 'src/consumers/registry.ts': lineAndImport },
    })
  })

  it('changes the retry policy of webhooks in one file, and renders its document', async () => {
    expect(await follow('### Change a retry policy')).toEqual({
      created: [],
      edited: { 'docs/reference/states.md': '+1 -1', 'src/delivery/webhook/webhook-retry-policy.ts': '+1 -0' },
    })
    const [row] = (await text('docs/reference/states.md')).match(/^\| `webhook` .*$/m) ?? []
    expect(row).toContain('20 h, 24 h, 24 h |')
  })

  it('adds an event with a topic of its own, and a consumer for it, by a file and a line each, and renders the document', async () => {
    expect(await follow('### An event with a topic and a consumer of its own')).toEqual({
      created: [
        'src/consumers/export/export-consumer.ts',
        'src/consumers/export/migrations/001.do.downloads.sql',
        'src/events/catalogue/campaign/campaign-exported.ts',
      ],
      edited: {
        'config/events/asyncapi.yaml': expect.stringMatching(/^\+\d+ -\d+$/),
        'src/consumers/registry.ts': lineAndImport,
        'src/events/catalogue/events.ts': '+10 -1',
        'src/events/catalogue/version.ts': '+1 -1',
      },
    })
  })

  it('leaves a program that compiles, is formatted, and keeps the rules of the repository', async () => {
    await expect(checkTypes(copy.path, AbortSignal.timeout(DEADLINE_MS))).resolves.toBeUndefined()
    await run('npx', 'prettier', '--check', ...touched)
    await run('npx', 'oxlint', '--deny-warnings', ...touched)
    const units = [
      '/unit/demo/',
      '/unit/catalogue/',
      '/unit/events/',
      ...['check-history', 'check-consumers', 'kind-table', 'retry-delay', 'webhook-retry-policy'].map(fileOf),
    ]
    await run('npx', 'vitest', 'run', '--project', 'repo', '--project', 'unit', 'test/repo/', ...units)
  })

  it('leaves a daemon whose new groups have their effects', async () => {
    await using fixture = await createFixture({ partitions: 1 })
    const platform = new Platform(fixture.sql)
    const campaign = await platform.campaign()
    const { url, secret } = fixture.webhooks.endpoint('/audit')
    await fixture.sql.query(`UPDATE webhooks SET events = '{audit.signed_up}' WHERE id = $1`, [
      await platform.webhook(campaign, url, secret),
    ])
    fixture.webhooks.respondWith(() => ({ status: 500 }))

    const variables = { ...fixture.variables, KAFKA_GROUPS: 'audit-workers,tally-workers' }
    await run({ ...variables }, 'node', 'cmd/workerctl/main.ts', 'topics', 'apply')
    await run({ ...variables }, 'node', 'cmd/workerctl/main.ts', 'migrate')
    await using daemon = startDaemon(variables, [], { root: pathToFileURL(`${copy.path}/`) })
    await daemon.ready()
    await fixture.publisher.publishUserSignedUp({ ...campaign, ...(await platform.person(campaign)) })
    await eventually('its own retries are exhausted', async () => {
      await fixture.sql.query(`UPDATE worker.intents SET due_at = now() WHERE state = 'pending'`)
      const [row] = await fixture.sql.query<{ state: string }>(`SELECT state FROM worker.intents WHERE kind = 'audit'`)
      return row?.state === 'dead' || `it is ${row?.state}`
    })
    expect(fixture.webhooks.calls.map(({ path, signatureOk }) => ({ path, signatureOk }))).toEqual(
      Array.from({ length: 3 }, () => ({ path: '/audit', signatureOk: true })),
    )

    const referrerId = crypto.randomUUID()
    const verified = () => ({
      ...campaign,
      referralId: crypto.randomUUID(),
      referrerId,
      referredId: crypto.randomUUID(),
      pointsPerReferral: 1,
    })
    const referral = verified()
    // One of them twice, as a publisher that tries again sends it.
    for (const one of [referral, referral, verified()]) await fixture.publisher.publishReferralVerified(one)
    await eventually('all is accepted', async () => {
      const [row] = await fixture.sql.query<{ at: string }>(
        `SELECT next_offset AS at FROM worker.progress WHERE group_name LIKE '%tally-workers'`,
      )
      return row?.at === '4' || `it is at ${row?.at}`
    })
    expect(await fixture.sql.query('SELECT referrer_id, verified FROM tally.referrers')).toEqual([
      { referrer_id: referrerId, verified: '2' },
    ])
  })

  it('leaves a daemon that reads two topics, each with its own progress, lag, dead letters and resets', async () => {
    await using fixture = await createFixture({ partitions: 1 })
    const platform = new Platform(fixture.sql)
    const campaign = await platform.campaign()
    const variables = { ...fixture.variables, KAFKA_GROUPS: 'email-workers,export-workers' }
    const workerctl = (...args: readonly string[]) => run({ ...variables }, 'node', 'cmd/workerctl/main.ts', ...args)
    await workerctl('topics', 'apply')
    expect((await fixture.admin.topicConfig('audit-events')).get('retention.ms')).toBe('-1')
    expect(await workerctl('topics', 'plan')).toContain('Nothing to do.')
    await workerctl('migrate')
    const group = `${fixture.groupPrefix}export-workers`
    const start = () => startDaemon(variables, [], { root: pathToFileURL(`${copy.path}/`) })
    await using daemon = start()
    await daemon.ready()
    expect(daemon.lines.find(({ msg }) => msg === 'starting')).toMatchObject({
      topic: fixture.topic,
      groups: [{ topic: fixture.topic }, { name: group, topic: 'audit-events' }],
    })

    const person = await platform.person(campaign)
    const exported = { ...campaign, type: 'campaign.exported', exportId: crypto.randomUUID(), participantCount: 1_204 }
    // In one list: each goes to the topic of its type, and the second export, which is the same fact, counts once.
    await publish(variables, [exported, { ...campaign, type: 'user.signed_up', ...person }, exported])
    const poison = { key: campaign.campaignId, value: Buffer.from('{'), headers: { 'event-type': 'campaign.exported' } }
    const producer = createEventProducer({ brokers: [...inject('kafkaBootstrap')], clientId: 'test' })
    await producer.connect()
    await producer.send('audit-events', [poison])
    await producer.disconnect()

    const progress = async () => {
      const rows = await fixture.sql.query<{ text: string }>(
        `SELECT replace(group_name, $1, '') || ' ' || topic || ' ' || sum(next_offset) AS text FROM worker.progress GROUP BY group_name, topic`,
        [fixture.groupPrefix],
      )
      return rows.map(({ text: row }) => row).toSorted()
    }
    const read = [`email-workers ${fixture.topic} 1`, 'export-workers audit-events 3']
    await eventually('both topics are read', async () => {
      const rows = await progress()
      return JSON.stringify(rows) === JSON.stringify(read) || JSON.stringify(rows)
    })
    await eventually('the person has a mail', () => fixture.smtp.mails.length === 1 || `${fixture.smtp.mails.length} mails`)
    const downloads = () => fixture.sql.query('SELECT export_id, participant_count FROM exports.downloads')
    expect(await downloads()).toEqual([{ export_id: exported.exportId, participant_count: 1_204 }])
    expect(await fixture.sql.query('SELECT group_name, topic, reason FROM worker.dead_letters')).toEqual([
      { group_name: group, topic: 'audit-events', reason: 'not-json' },
    ])
    const letters = await fixture.admin.ranges(`audit-events.${group}.dlq`)
    expect([...letters.values()].reduce((sum, { high }) => sum + high, 0n)).toBe(1n)
    await eventually('the lag of each group is that of its topic', async () => {
      const metrics = await (await fetch(`${daemon.url()}/metrics`)).text()
      const lags = new Set([...metrics.matchAll(/^kafka_consumergroup_lag\{(.*),partition="\d+"\} 0$/gm)].map(([, labels]) => labels))
      const wanted = [
        `consumergroup="${group}",topic="audit-events"`,
        `consumergroup="${fixture.group('email-workers')}",topic="${fixture.topic}"`,
      ]
      return wanted.every((labels) => lags.has(labels)) || [...lags].join('; ')
    })

    daemon.kill('SIGTERM')
    expect(await daemon.exited).toBe(0)
    expect(await workerctl('offsets', 'reset', '--group', 'export-workers', '--to', 'earliest', '--yes')).toContain(
      `Plan for ${group} on audit-events:`,
    )
    expect(await progress()).toEqual([`email-workers ${fixture.topic} 1`, 'export-workers audit-events 0'])
    await using again = start()
    await again.ready()
    await eventually('the topic is read again', async () => (await progress()).includes('export-workers audit-events 3') || 'not yet')
    expect(await downloads()).toHaveLength(1)
    expect(fixture.smtp.mails).toHaveLength(1)
  })
})

/** Publishes by the publisher of the copy, in a process of its own. */
async function publish(variables: Readonly<Record<string, string>>, events: readonly object[]): Promise<void> {
  await run({ ...variables, EVENTS: JSON.stringify(events) }, 'node', '--input-type=module', '--eval', publishing)
}

const publishing = `
  import { createPublisher } from './src/events/publisher.ts'
  import { createEventProducer } from './src/infra/kafka/producer/kafka-event-transport.ts'
  const transport = createEventProducer({ brokers: process.env.KAFKA_BROKERS.split(','), clientId: 'test' })
  await transport.connect()
  await createPublisher({ transport, topic: process.env.KAFKA_TOPIC }).publishMany(JSON.parse(process.env.EVENTS))
  await transport.disconnect()
`

const DEADLINE_MS = 300_000

const touched = ['src/consumers', 'src/delivery', 'src/events']

const fileOf = (name: string) => `/${name}.test.ts`

const lineAndImport = '+2 -0'

interface Touched {
  readonly created: readonly string[]
  /** How many lines of a file were added and removed, such as `+2 -0`. */
  readonly edited: Readonly<Record<string, string>>
}

/** Does what the part of CONTRIBUTING.md below the heading says; returns the files that it touched. */
async function follow(heading: string): Promise<Touched> {
  const { changes, commands } = stepBelow(heading, await text('CONTRIBUTING.md'))
  for (const change of changes) {
    const path = join(copy.path, change.path)
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, change.is === 'text' ? change.text : changed(await text(change.path), change))
  }
  for (const command of commands) await run('sh', '-c', command)
  const created = linesOf(await run('git', 'ls-files', '--others', '--exclude-standard'))
  const edited = linesOf(await run('git', 'diff', '--numstat')).map((line) => line.split('\t'))
  await run('git', 'add', '--all')
  return { created, edited: Object.fromEntries(edited.map(([added, removed, path = '']) => [path, `+${added} -${removed}`])) }
}

function linesOf(output: string): readonly string[] {
  return output.split('\n').filter((line) => line !== '')
}

function text(path: string): Promise<string> {
  return readFile(join(copy.path, path), 'utf8')
}

/** Runs a command in the copy. @throws with its output when it fails */
async function run(
  ...line: readonly [Readonly<Record<string, string>>, string, ...string[]] | readonly [string, ...string[]]
): Promise<string> {
  const [first, ...rest] = line
  const [env, [command = '', ...args]] = typeof first === 'string' ? [{}, [first, ...rest]] : [first, rest]
  const { code, output } = await runProcess(command, args, { cwd: copy.path, env, signal: AbortSignal.timeout(DEADLINE_MS) })
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}:\n${output}`)
  return output
}
