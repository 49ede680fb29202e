import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { TempFolder } from '../../stack/temp-folder.ts'
import { runProcess } from '../mutants/run-process.ts'
import { checkTypes, workCopy } from '../mutants/work-copy.ts'
import { startDaemon } from '../support/daemon.ts'
import { eventually } from '../support/eventually.ts'
import { Platform } from '../support/platform.ts'
import { createFixture } from '../support/fixture.ts'
import { changed, stepBelow, type Step } from '../support/walk.ts'

const DEADLINE_MS = 300_000

const folder = 'src/delivery/visit/visit-channel.ts'
const list = 'src/daemon/compose/channels.ts'
/** A channel that sends, with destinations, breakers and delays of its own. */
const sending = 'src/delivery/pager/pager-channel.ts'

let copy: TempFolder

beforeAll(async () => {
  copy = await workCopy(process.cwd())
  await run({}, 'git', 'init', '--quiet')
  await writeFile(join(copy.path, '.git/info/exclude'), 'node_modules\n.cache\n')
  await run({}, 'git', 'add', '--all')
})

afterAll(() => copy.remove())

it('does not compile without its line in the list', async () => {
  await apply(folder)
  await expect(compiles()).rejects.toThrow(/compose\/channels\.ts.*Property 'visit' is missing/s)
})

it(
  'compiles with the line, without a change to other files',
  async () => {
    await apply(list)
    await write(sending, pager)
    await change(list, [
      ['import { webhookChannel', `import { pagerChannel } from '../../delivery/pager/pager-channel.ts'\nimport { webhookChannel`],
      ['  webhook: listed(', '  pager: listed(pagerChannel, () => null),\n  webhook: listed('],
    ])
    await expect(compiles()).resolves.toBeUndefined()
    expect(await touched()).toEqual([list, sending, folder])
  },
  DEADLINE_MS,
)

it(
  'keeps the rules of the repository, with documents that its command renders',
  async () => {
    for (const command of (await step()).commands) await run({}, 'sh', '-c', command)
    expect(await touched()).toEqual(['docs/reference/metrics.md', 'docs/reference/states.md', list, sending, folder])
    const labels = await readFile(join(copy.path, 'docs/reference/metrics.md'), 'utf8')
    expect(labels).toMatch(/^\| `channel` \|.*`email`, `pager`, `webhook`, `leaderboard`, `visit`, `broadcast`/m)
    await run({}, 'npx', 'vitest', 'run', '--project', 'repo')
  },
  DEADLINE_MS,
)

it('turns an event into a row, and gives up intents by its own delays when their destination stays away', async () => {
  await write('src/consumers/visit/visit-consumer.ts', consumer)
  await change('src/consumers/registry.ts', [
    ['import { createEmailConsumer }', `import { visitConsumer } from './visit/visit-consumer.ts'\nimport { createEmailConsumer }`],
    ['    createRewardConsumer(settings),', '    visitConsumer,\n    createRewardConsumer(settings),'],
  ])
  await using fixture = await createFixture({ partitions: 1 })
  await fixture.sql.query('CREATE TABLE visits (user_id text NOT NULL)')
  await fixture.sql.query('CREATE TABLE pagers (url text NOT NULL)')
  await fixture.sql.query('INSERT INTO pagers VALUES ($1)', [fixture.webhooks.endpoint('/pager').url])
  fixture.webhooks.respondWith(() => ({ status: 503 }))
  const platform = new Platform(fixture.sql)
  const campaign = await platform.campaign()
  const person = await platform.person(campaign)
  const variables = { ...fixture.variables, KAFKA_GROUPS: 'visit-workers' }
  await run({ ...variables }, 'node', 'cmd/workerctl/main.ts', 'topics', 'apply')
  await using daemon = startDaemon(variables, [], { root: pathToFileURL(`${copy.path}/`) })
  await daemon.ready()
  await fixture.publisher.publishUserSignedUp({ ...campaign, ...person })
  await eventually('the row is written', async () => {
    const rows = await fixture.sql.query<{ state: string }>(`SELECT state FROM worker.intents WHERE channel = 'visit'`)
    return rows[0]?.state === 'delivered' || `the intents are ${JSON.stringify(rows)}`
  })
  expect(await fixture.sql.query('SELECT user_id FROM visits')).toEqual([{ user_id: person.userId }])

  for (let more = 0; more < 3; more++) await fixture.publisher.publishUserSignedUp({ ...campaign, ...(await platform.person(campaign)) })
  await eventually('its breaker is open, and says so in its own words', async () => {
    const { dependencies } = JSON.parse(await (await fetch(`${daemon.url()}/status`)).text())
    const [away] = dependencies.endpoints
    return String(away?.message).startsWith('Pager p1 accepts no pages (no-answer)') || JSON.stringify(dependencies)
  })
  expect(await (await fetch(`${daemon.url()}/metrics`)).text()).toContain('kafka_worker_breakers_open{channel="pager"} 1')
  await eventually('what was never sent is given up after the delays of the channel', async () => {
    const rows = await fixture.sql.query<Page>(`SELECT state, reason, attempt FROM worker.intents WHERE channel = 'pager'`)
    const isGivenUp = rows.some(({ state, reason, attempt }) => state === 'dead' && reason === 'endpoint-unavailable' && attempt === 0)
    return isGivenUp || JSON.stringify(rows)
  })
})

interface Page {
  readonly state: string
  readonly reason: string | null
  readonly attempt: number
}

const consumer = `import type { Consumer } from '../../model/consumer.ts'
import { prepareEach } from '../../model/intent-kind.ts'

export const visitConsumer: Consumer = {
  name: 'visit-workers',
  types: ['user.signed_up'],
  accept(event) {
    if (event.type !== 'user.signed_up') return []
    const { user_id: userId } = event.data
    const both = { version: 1, campaignId: event.campaign_id, userId, data: {} }
    return [
      { ...both, kind: 'visit', channel: 'visit', key: 'visit:' + event.id },
      { ...both, kind: 'page', channel: 'pager', key: 'page:' + event.id },
    ]
  },
  kinds: [
    {
      kind: 'visit',
      version: 1,
      channel: 'visit',
      prepare: prepareEach(async ({ userId }) => ({ is: 'message', message: { userId: userId ?? '' } })),
    },
    {
      kind: 'page',
      version: 1,
      channel: 'pager',
      prepare: prepareEach(async (_intent, read) => {
        const [row] = await read.query<{ url: string }>('SELECT url FROM platform.pagers')
        return { is: 'message', message: { pager: 'p1', url: row?.url ?? '' } }
      }),
    },
  ],
}
`

const pager = `import { defineChannel } from '../define-channel.ts'

export interface PagerMessage {
  readonly pager: string
  readonly url: string
}

export const pagerChannel = defineChannel({
  name: 'pager',
  destinations: { atOnce: 1, failures: 1, sole: null, names: { destination: 'pager', deliveries: 'pages' } },
  retry: { delays: () => [1_000, 1_000], jitter: 'none', retryAfter: null },
  deliveryLog: null,
  create: () => ({
    underway: 'claimed',
    deadlineMs: 10_000,
    concurrency: Infinity,
    maxRetries: () => Infinity,
    destinationOf: ({ pager }) => pager,
    acquire: async () => ({ release: () => {} }),
    freeze: (batch) => Promise.allSettled(batch.map(async ({ message: { url } }) => ({ envelope: { url }, body: null }))),
    async perform(_intent, _frozen, { url }, _slot, signal) {
      const { status } = await fetch(url, { method: 'POST', signal })
      if (status < 300) return { is: 'done', state: 'delivered', reply: { status } }
      const reason = 'no-answer'
      return { is: 'retry', reason, countsAsAttempt: true, reply: { status }, outcomeSignal: { is: 'failure', reason } }
    },
  }),
})

declare module '../../model/messages.ts' {
  interface Messages {
    readonly pager: PagerMessage
  }
}
`

function compiles(): Promise<void> {
  return checkTypes(copy.path, AbortSignal.timeout(DEADLINE_MS))
}

async function write(path: string, text: string): Promise<void> {
  await mkdir(dirname(join(copy.path, path)), { recursive: true })
  await writeFile(join(copy.path, path), text)
}

async function step(): Promise<Step> {
  return stepBelow('## Add a channel', await readFile('CONTRIBUTING.md', 'utf8'))
}

/** Does to one file what CONTRIBUTING says below "Add a channel". */
async function apply(path: string): Promise<void> {
  const { changes } = await step()
  const found = changes.find((each) => each.path === path)
  if (found === undefined || changes.length !== 2) throw new Error(`CONTRIBUTING changes ${changes.map((each) => each.path).join(', ')}`)
  await write(path, found.is === 'text' ? found.text : changed(await readFile(join(copy.path, path), 'utf8'), found))
}

async function change(path: string, edits: readonly (readonly [string, string])[]): Promise<void> {
  let text = await readFile(join(copy.path, path), 'utf8')
  for (const [from, to] of edits) {
    if (text.split(from).length !== 2) throw new Error(`${path} does not hold exactly once: ${from}`)
    text = text.replace(from, () => to)
  }
  await writeFile(join(copy.path, path), text)
}

async function touched(): Promise<readonly string[]> {
  return (await run({}, 'git', 'ls-files', '--modified', '--others', '--exclude-standard')).trim().split('\n').toSorted()
}

async function run(env: Readonly<Record<string, string>>, command: string, ...args: readonly string[]): Promise<string> {
  const { code, output } = await runProcess(command, args, { cwd: copy.path, env, signal: AbortSignal.timeout(DEADLINE_MS) })
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}:\n${output}`)
  return output
}
