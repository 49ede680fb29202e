import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cleanEnvironment } from '../../stack/worker-environment.ts'
import { freshDatabase } from '../support/fresh.ts'
import { verbHelps } from '../support/workerctl-examples.ts'
import { createExampleWorld, ids, type ExampleWorld } from './example-world.ts'
import type { Ran } from './workerctl-fixture.ts'

/** Of one example: its exit code, and what its output says. */
type Expected = readonly [code: number, says: RegExp]

interface Verb {
  /** Of each example of its help, in their order. */
  readonly examples: readonly Expected[]
  /** Before each of them. */
  readonly before?: (world: ExampleWorld, args: readonly string[]) => Promise<unknown>
  /** Runs an example in another way than in this process. */
  readonly run?: (world: ExampleWorld, args: readonly string[]) => Promise<Ran>
  /** They wait, and change nothing: all at once. */
  readonly atOnce?: boolean
}

const withIntents = (state: string) => (world: ExampleWorld) => world.intents(state)
const unpaused = (world: ExampleWorld) => world.fixture.sql.query('DELETE FROM worker.pauses')
const unconfirmed = /Nothing was changed: add --yes/
const ranked = /121 people ranked[^]* 1 +b1f6f0de-/
const dryRun = /Dry run: nothing was changed\./

/** Follows until Ctrl-C, as an operator at a terminal does. */
async function interrupted({ fixture }: ExampleWorld, args: readonly string[]): Promise<Ran> {
  const child = spawn(process.execPath, [join(import.meta.dirname, '../../cmd/workerctl/main.ts'), ...args], {
    env: cleanEnvironment(fixture.variables),
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(child, 'close')
  let out = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    if (out === '') child.kill('SIGINT')
    out += text
  })
  const [code] = await ended
  return { code: Number(code), out, err: '' }
}

const here = ({ run }: ExampleWorld, args: readonly string[]) => run(args)
const paused = (target: string): Verb => ({
  examples: [
    [0, new RegExp(`^Done: ${target} paused by ops \\(maintenance\\) until 2`)],
    [0, new RegExp(`^Done: ${target} paused by ops \\(investigation\\)`)],
  ],
  before: unpaused,
})
const resumed = (scope: string): Verb => ({
  examples: [[0, /^Resumed: .* paused by ops/]],
  before: async (world) => {
    await unpaused(world)
    await world.run(examplesOf(`pause ${scope}`)[0] ?? [])
  },
})

const verbs: Readonly<Record<string, Verb>> = {
  status: {
    examples: [
      [2, /^No process runs \S+email-workers, .* Run: KAFKA_GROUPS=email-workers npm start\n/],
      [2, /^\{.*"ok":false/],
    ],
    atOnce: true,
  },
  lag: {
    examples: [
      [0, /email-workers on .*: .* \(lag 0, /],
      [0, /^\S+email-workers on /],
      [130, /^2\d{3}-.*Z\n/],
      [0, /^\{"at":.*"groups":\[/],
    ],
    run: (world, args) => (args.includes('--watch') ? interrupted(world, args) : here(world, args)),
    atOnce: true,
  },
  groups: {
    examples: [
      [0, /^GROUP +STATE +MEMBERS[^]*email-workers +Empty +0 +4 +0 +0 s +no-member +ok +- +14\n/],
      [0, /^GROUP[^\n]*\n\S+email-workers [^\n]*$/],
      [0, /"deadLetters":14/],
    ],
    atOnce: true,
  },
  doctor: {
    examples: [
      [0, /^ok {7}configuration .*\n[^]*16 checks: 16 ok\.$/],
      [0, /ok {7}acls [^]*ok {7}smtp /],
      [0, /16 ok\.[^]*Wrote .*diagnosis\.json\./],
      [0, /^\{"ok":true,/],
    ],
    atOnce: true,
  },
  migrate: {
    examples: [
      [0, /^worker: already at version \d+, nothing to apply/],
      [0, /^app: from version 0 to \d+, applied /],
    ],
    run: async (world, args) => {
      if (!args.includes('app')) return world.run(args)
      const database = await freshDatabase()
      try {
        return await world.run(args, { DATABASE_URL: database.url })
      } finally {
        await database.drop()
      }
    },
  },
  'topics plan': {
    examples: [
      [2, /Change retention\.ms of .*dlq from /],
      [2, /from 4 to 20/],
    ],
  },
  'topics apply': {
    examples: [
      [0, dryRun],
      [0, /Keep the replicas of /],
      [0, /Raise .* from 4 to 20 [^]*Done: 5 topics /],
    ],
  },
  'topics verify': {
    examples: [
      [0, /^5 topics verified: nothing found\.$/],
      [0, /^\{/],
    ],
  },
  'topics acls': {
    examples: [
      [0, /kafka-acls/],
      [0, /email-workers/],
      [0, /User:operator/],
      [0, /^\{/],
    ],
  },
  'events tail': {
    examples: [
      [130, /user\.signed_up/],
      [0, /\n\{.*"type":"user\.signed_up"/],
    ],
    run: (world, args) => (args.includes('--no-follow') ? here(world, args) : interrupted(world, args)),
  },
  'events show': {
    examples: [
      [0, new RegExp(`Event {4}user.signed_up ${ids.event}`)],
      [0, /offset 4711/],
    ],
  },
  'events search': {
    examples: [
      [0, /^0 of \d+ records of /],
      [0, /"matching":2,/],
    ],
  },
  'events publish': {
    examples: [
      [0, /user\.verified.*"\*\*\*"[^]*Dry run/],
      [0, /\n1 published\.$/],
    ],
    before: ({ write }) =>
      write(
        'events.json',
        JSON.stringify([
          { type: 'user.verified', accountId: ids.account, campaignId: ids.campaign, userId: ids.user, email: 'guest@example.com' },
        ]),
      ),
  },
  'offsets show': {
    examples: [
      [0, /email-workers on /],
      [0, /email-workers on /],
      [0, /^\{"groups":\[/],
    ],
  },
  'offsets reset': {
    examples: [
      [0, dryRun],
      [0, /^Plan for [^]*Done: /],
      [0, /Done: /],
      [0, unconfirmed],
    ],
    before: ({ caughtUp }) => caughtUp(),
  },
  'intents list': {
    examples: [
      [0, /^ +ID +STATE[^]*4712 +held/],
      [0, /4711 +held/],
      [0, /^No intent matches\.$/],
      [0, /^No intent matches\.$/],
    ],
    before: withIntents('held'),
  },
  'intents show': {
    examples: [
      [0, /4711/],
      [0, /^\{.*"4711"/],
    ],
    before: withIntents('dead'),
  },
  'intents retry': {
    examples: [
      [0, dryRun],
      [0, unconfirmed],
      [0, dryRun],
      [0, /Done: 2 retried\./],
    ],
    before: ({ intents }, args) => intents(args.includes('--now') ? 'pending' : 'dead'),
  },
  'intents cancel': {
    examples: [
      [0, dryRun],
      [0, /Done: 1 cancelled\./],
    ],
    before: withIntents('pending'),
  },
  'intents mark-sent': {
    examples: [
      [0, /4711 +held/],
      [0, /Done: 1 marked as sent\./],
    ],
    before: withIntents('held'),
  },
  'pause group': paused('group \\S+reward-workers'),
  'pause channel': paused('email channel of \\S*email-workers'),
  'pause destination': paused(`destination ${ids.endpoints[0]}`),
  'pause campaign': paused(`campaign ${ids.campaign}`),
  'pause type': paused('event type user.signed_up of \\S*email-workers'),
  'pause partition': paused('partition 3 of \\S*email-workers'),
  'pause list': {
    examples: [
      [0, /^SCOPE +TARGET[^]*partition +3 /],
      [0, /"scope":"partition"/],
    ],
  },
  'resume group': resumed('group'),
  'resume channel': resumed('channel'),
  'resume destination': resumed('destination'),
  'resume campaign': resumed('campaign'),
  'resume type': resumed('type'),
  'resume partition': resumed('partition'),
  'dlq list': {
    examples: [
      [0, /email-workers\/3\/4711/],
      [0, /consumer-error/],
      [0, /email-workers\/0\/101/],
    ],
  },
  'dlq groups': {
    examples: [
      [0, /invalid-data/],
      [0, / 12 /],
    ],
  },
  'dlq note': { examples: [[0, /^Noted for 12 dead letters of /]] },
  'dlq show': {
    examples: [
      [0, /invalid-data[^]*\/email/],
      [0, new RegExp(`"user_id": "${ids.user}"`)],
    ],
  },
  'dlq replay': {
    examples: [
      [0, /add --confirm 1 /],
      [0, /Requested: /],
      [0, dryRun],
    ],
  },
  'dlq edit': {
    examples: [
      [0, /"user_id"/],
      [0, /^Stored\./],
      [0, /add --confirm 1 /],
    ],
    // The operator's hand, after the first example.
    run: async (world, args) => {
      if (args[1] === 'edit') {
        const event = JSON.parse(await world.read('event.json'))
        await world.write('event.json', JSON.stringify({ ...event, data: { ...event.data, email: 'guest@example.com' } }))
      }
      const ran = await world.run(args)
      if (args[1] === 'show') await world.write('event.json', ran.out)
      return ran
    },
  },
  'dlq discard': {
    examples: [
      [0, /add --confirm 1 /],
      [0, /Discarded: 12 /],
    ],
    before: ({ reopened }) => reopened(),
  },
  'dlq export': { examples: [[0, /^Written: .*\.json, .*\.test\.ts/]] },
  'replay plan': {
    examples: [
      [0, /would have 120 effects/],
      [0, /^Replaying 100 records of 1 partition /],
      [0, /1 event reward\.earned: 1 accepted/],
    ],
    before: ({ caughtUp }) => caughtUp(),
  },
  'replay run': {
    examples: [
      [0, /add --confirm 120 /],
      [0, /Ordered: replay 12\./],
    ],
  },
  'replay list': { examples: [[0, /12 +\S+email-workers +queued/]] },
  'replay show': { examples: [[0, /^Replay 12 of /]] },
  'replay pause': { examples: [[0, /replay 12 was queued and is paused/]] },
  'replay resume': { examples: [[0, /replay 12 was paused and is queued/]] },
  'replay cancel': { examples: [[0, /replay 12 was queued and is cancelled/]] },
  'outbox list': {
    examples: [
      [0, /unknown-topic/],
      [0, /unknown-topic/],
    ],
  },
  'outbox requeue': {
    examples: [
      [0, dryRun],
      [0, /Done: 2 /],
    ],
  },
  'leaderboard audit': {
    examples: [
      [1, /120 differences from a full ranking/],
      [0, /120 differences/],
    ],
  },
  'leaderboard show': {
    examples: [
      [0, ranked],
      [0, ranked],
      [0, ranked],
    ],
  },
  'leaderboard explain': {
    examples: [
      [0, /is at position 1 of 121\./],
      [0, /is at position 1 of 121\./],
    ],
  },
  'leaderboard movements': {
    examples: [
      [0, /^AT +PERSON +FROM/],
      [0, / 9 +4 +10 +5/],
    ],
  },
  'leaderboard backfill': {
    examples: [
      [0, /^Nothing to do: every/],
      [0, /^Nothing to do: every/],
    ],
  },
  'analytics show': {
    examples: [
      [0, /Sign-ups: 3 /],
      [0, /2026-11-01 +user\.signed_up +3/],
    ],
  },
  reconcile: {
    examples: [
      [0, /^Checked [^]*add --publish/],
      [0, /^Checked [^]*add --yes/],
    ],
  },
  'suppressions list': {
    examples: [
      [0, /bounced/],
      [0, /bounced/],
      [0, /bounced/],
      [0, /2030-01-31T12:30/],
    ],
  },
  'suppressions remove': {
    examples: [
      [0, dryRun],
      [0, /Done: 1 removed\./],
    ],
  },
  timeline: {
    examples: [
      [0, /G\*\*\*@Example\.com joined/],
      [0, /G\*\*\*@Example\.com joined/],
      [0, /reward-workers \(accepted\)/],
      [0, /^TIME +WHAT/m],
      [0, /^No reward: /],
    ],
  },
  forget: {
    examples: [
      [0, dryRun],
      [0, dryRun],
      [0, /Done: /],
    ],
    before: withIntents('pending'),
  },
  config: {
    examples: [
      [0, /SMTP_URL/],
      [0, /^\{/],
    ],
  },
  completion: {
    examples: [
      [0, /complete -/],
      [0, /^autoload -U \+X compinit/],
    ],
  },
}

let world: ExampleWorld
beforeAll(async () => {
  world = await createExampleWorld()
})
afterAll(() => world[Symbol.asyncDispose]())

const helps = verbHelps()
const examplesOf = (verb: string) => helps.find((help) => help.verb === verb)?.examples ?? []

it('every verb of workerctl has an expectation for each example of its help, and there are no others', () => {
  const expected = Object.entries(verbs).map(([verb, { examples }]) => [verb, examples.length])
  expect(Object.fromEntries(expected)).toEqual(Object.fromEntries(helps.map(({ verb, examples }) => [verb, examples.length])))
})

describe('the examples in the help of', () => {
  it.each(helps)('$verb do what they are there for', async ({ verb, examples }) => {
    const { before, run = here, atOnce = false, examples: expected = [] } = verbs[verb] ?? {}
    const one = async (args: readonly string[], index: number) => {
      await before?.(world, args)
      const { code, out, err } = await run(world, world.substituted(args))
      const [wanted, says] = expected[index] ?? [0, /^$/]
      return { line: args.join(' '), code, wanted, says, out: [out, err].filter((text) => text !== '').join('\n') }
    }
    const ran = []
    if (atOnce) ran.push(...(await Promise.all(examples.map(one))))
    else for (const [index, args] of examples.entries()) ran.push(await one(args, index))
    for (const { line, code, wanted, says, out } of ran) {
      expect({ line, code, out }).toEqual({ line, code: wanted, out: expect.stringMatching(says) })
    }
  })
})
