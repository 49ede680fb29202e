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
import { changed, stepBelow } from '../support/walk.ts'

const DEADLINE_MS = 120_000

const folder = 'src/delivery/visit/visit-channel.ts'
const list = 'src/daemon/compose/channels.ts'

let copy: TempFolder

beforeAll(async () => {
  copy = await workCopy(process.cwd())
  await run({}, 'git', 'init', '--quiet')
  await writeFile(join(copy.path, '.git/info/exclude'), 'node_modules\n.cache\n')
  await run({}, 'git', 'add', '--all')
})

afterAll(() => copy.remove())

it('does not compile while its line in the list is missing', async () => {
  await apply(folder)
  await expect(compiles()).rejects.toThrow(/compose\/channels\.ts.*Property 'visit' is missing/s)
})

it(
  'compiles with the line, and no other file is touched',
  async () => {
    await apply(list)
    await expect(compiles()).resolves.toBeUndefined()
    expect(await touched()).toEqual([list, folder])
  },
  DEADLINE_MS,
)

it('carries an event to a row', async () => {
  await write('src/consumers/visit/visit-consumer.ts', consumer)
  await change('src/consumers/registry.ts', [
    ['import { createEmailConsumer }', `import { visitConsumer } from './visit/visit-consumer.ts'\nimport { createEmailConsumer }`],
    ['    createRewardConsumer(settings),', '    visitConsumer,\n    createRewardConsumer(settings),'],
  ])
  await using fixture = await createFixture({ partitions: 1 })
  await fixture.sql.query('CREATE TABLE visits (user_id text NOT NULL)')
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
})

const consumer = `import type { Consumer } from '../../model/consumer.ts'
import { prepareEach } from '../../model/intent-kind.ts'

export const visitConsumer: Consumer = {
  name: 'visit-workers',
  types: ['user.signed_up'],
  accept(event) {
    if (event.type !== 'user.signed_up') return []
    const { user_id: userId } = event.data
    return [{ kind: 'visit', version: 1, channel: 'visit', key: event.id, campaignId: event.campaign_id, userId, data: {} }]
  },
  kinds: [
    {
      kind: 'visit',
      version: 1,
      channel: 'visit',
      prepare: prepareEach(async ({ userId }) => ({ is: 'message', message: { userId: userId ?? '' } })),
    },
  ],
}
`

function compiles(): Promise<void> {
  return checkTypes(copy.path, AbortSignal.timeout(DEADLINE_MS))
}

async function write(path: string, text: string): Promise<void> {
  await mkdir(dirname(join(copy.path, path)), { recursive: true })
  await writeFile(join(copy.path, path), text)
}

/** Does to one file what CONTRIBUTING says below "Add a channel". */
async function apply(path: string): Promise<void> {
  const { changes } = stepBelow('## Add a channel', await readFile('CONTRIBUTING.md', 'utf8'))
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
