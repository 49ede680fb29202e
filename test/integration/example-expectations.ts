import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { cleanEnvironment } from '../../stack/worker-environment.ts'
import { freshDatabase } from '../support/fresh.ts'
import { Platform } from '../support/platform.ts'
import { verbHelps } from '../support/workerctl-examples.ts'
import { ids, type ExampleWorld } from './example-world.ts'
import type { Ran } from './workerctl-fixture.ts'

export const helps = verbHelps()
const examplesOf = (verb: string) => helps.find((help) => help.verb === verb)?.examples ?? []

/** Of one example: its exit code, and what its output says. */
type Expected = readonly [code: number, says: RegExp]

/** What the examples of a verb do. */
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

/** In this process. */
export const here = ({ run }: ExampleWorld, args: readonly string[]) => run(args)
const paused = (target: string): Verb => ({
  examples: done(
    new RegExp(`^Done: ${target} paused by ops \\(maintenance\\) until 2`),
    new RegExp(`^Done: ${target} paused by ops \\(investigation\\)`),
  ),
  before: unpaused,
})
const resumed = (scope: string): Verb => ({
  examples: [[0, /^Resumed: .* paused by ops/]],
  before: async (world) => {
    await unpaused(world)
    await world.run(examplesOf(`pause ${scope}`)[0] ?? [])
  },
})

/** All of them end with 0. */
const done = (...says: readonly RegExp[]): readonly Expected[] => says.map((one) => [0, one])

/** By verb. */
export const verbs: Readonly<Record<string, Verb>> = {
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
    examples: done(
      /^GROUP +STATE +MEMBERS[^]*email-workers +Empty +0 +4 +0 +0 s +no-member +ok +- +14\n/,
      /^GROUP[^\n]*\n\S+email-workers [^\n]*$/,
      /"deadLetters":14/,
    ),
    atOnce: true,
  },
  doctor: {
    examples: done(
      /^ok {7}configuration .*\n[^]*17 checks: 17 ok\.$/,
      /ok {7}acls [^]*ok {7}smtp /,
      /17 ok\.[^]*Wrote .*diagnosis\.json\./,
      /^\{"ok":true,/,
    ),
    atOnce: true,
  },
  migrate: {
    examples: done(/^worker: already at version \d+, nothing to apply/, /^app: from version 0 to \d+, applied /),
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
    examples: done(dryRun, /Keep the replicas of /, /Raise .* from 4 to 20 [^]*Done: 5 topics /),
  },
  'topics verify': {
    examples: done(/^5 topics verified: nothing found\.$/, /^\{/),
  },
  'topics acls': {
    examples: done(/kafka-acls/, /email-workers/, /User:operator/, /^\{/),
  },
  'events tail': {
    examples: [
      [130, /user\.signed_up/],
      [0, /\n\{.*"type":"user\.signed_up"/],
    ],
    run: (world, args) => (args.includes('--no-follow') ? here(world, args) : interrupted(world, args)),
  },
  'events show': {
    examples: done(new RegExp(`Event {4}user.signed_up ${ids.event}`), /offset 4711/),
  },
  'events search': {
    examples: done(/ reward\.earned [^]*\b1 of \d+ records of /, /"matching":2,/),
  },
  'events publish': {
    examples: done(/user\.verified.*"\*\*\*"[^]*Dry run/, /\n1 published\.$/),
    before: ({ write }) =>
      write(
        'events.json',
        JSON.stringify([
          { type: 'user.verified', accountId: ids.account, campaignId: ids.campaign, userId: ids.user, email: 'guest@example.com' },
        ]),
      ),
  },
  'offsets show': {
    examples: done(
      /reward-workers on [^]* 3 +4712 +4712 +1200 +4712 +0 /,
      /^\S+email-workers on [^\n]*, lag 0\n[^]* 3 +4712 +4712 +1200 +4712 +0 /,
      /email-workers"[^]*"partition":3,[^}]*4712/,
    ),
    before: ({ caughtUp }) => caughtUp(),
  },
  'offsets reset': {
    examples: done(dryRun, /^Plan for [^]*Done: /, /Done: /, unconfirmed),
    before: ({ caughtUp }) => caughtUp(),
  },
  'intents list': {
    examples: done(/^ +ID +STATE[^]*4712 +held/, /4711 +held/, /4711 +dead/, /4712 +dead[^\n]* manual /),
    before: ({ intents }, args) => {
      if (args.includes('manual')) return intents('dead', 'manual')
      return intents(args.includes('dead,rejected') ? 'dead' : 'held')
    },
  },
  'intents show': {
    examples: done(/4711/, /^\{.*"4711"/),
    before: withIntents('dead'),
  },
  'intents retry': {
    examples: done(dryRun, unconfirmed, dryRun, /Done: 2 retried\./),
    before: ({ intents }, args) => intents(args.includes('--now') ? 'pending' : 'dead'),
  },
  'intents cancel': {
    examples: done(dryRun, /Done: 1 cancelled\./),
    before: withIntents('pending'),
  },
  'intents mark-sent': {
    examples: done(/4711 +held/, /Done: 1 marked as sent\./),
    before: withIntents('held'),
  },
  'pause group': paused('group \\S+reward-workers'),
  'pause channel': paused('email channel of \\S*email-workers'),
  'pause destination': paused(`destination ${ids.endpoints[0]}`),
  'pause campaign': paused(`campaign ${ids.campaign}`),
  'pause type': paused('event type user.signed_up of \\S*email-workers'),
  'pause partition': paused('partition 3 of \\S*email-workers'),
  'pause list': {
    examples: done(/^SCOPE +TARGET[^]*partition +3 /, /"scope":"partition"/),
  },
  'resume group': resumed('group'),
  'resume channel': resumed('channel'),
  'resume destination': resumed('destination'),
  'resume campaign': resumed('campaign'),
  'resume type': resumed('type'),
  'resume partition': resumed('partition'),
  'dlq list': {
    examples: done(/email-workers\/3\/4711/, /consumer-error/, /email-workers\/0\/101/),
  },
  'dlq groups': {
    examples: done(/invalid-data/, / 12 /),
  },
  'dlq note': { examples: [[0, /^Noted for 12 dead letters of /]] },
  'dlq show': {
    examples: done(/invalid-data[^]*\/email/, new RegExp(`"user_id": "${ids.user}"`)),
  },
  'dlq replay': {
    examples: done(/add --confirm 1 /, /Requested: /, dryRun),
  },
  'dlq edit': {
    examples: done(/"user_id"/, /^Stored\./, /add --confirm 1 /),
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
    examples: done(/add --confirm 1 /, /Discarded: 12 /),
    before: ({ reopened }) => reopened(),
  },
  'dlq export': { examples: [[0, /^Written: .*\.json, .*\.test\.ts/]] },
  'replay plan': {
    examples: done(/would have 120 effects/, /^Replaying 100 records of 1 partition /, /1 event reward\.earned: 1 accepted/),
    before: ({ caughtUp }) => caughtUp(),
  },
  'replay run': {
    examples: done(/add --confirm 120 /, /Ordered: replay 12\./),
  },
  'replay list': { examples: [[0, /12 +\S+email-workers +queued/]] },
  'replay show': { examples: [[0, /^Replay 12 of /]] },
  'replay pause': { examples: [[0, /replay 12 was queued and is paused/]] },
  'replay resume': { examples: [[0, /replay 12 was paused and is queued/]] },
  'replay cancel': { examples: [[0, /replay 12 was queued and is cancelled/]] },
  'outbox list': {
    examples: done(/unknown-topic/, /unknown-topic/),
  },
  'outbox requeue': {
    examples: done(dryRun, /Done: 2 /),
  },
  'leaderboard audit': {
    examples: [
      [1, /120 differences from a full ranking/],
      [0, /120 differences/],
    ],
  },
  'leaderboard show': {
    examples: done(ranked, ranked, ranked),
  },
  'leaderboard explain': {
    examples: done(/is at position 1 of 121\./, /is at position 1 of 121\./),
  },
  'leaderboard movements': {
    examples: done(/^AT +PERSON +FROM/, / 9 +4 +10 +5/),
  },
  'leaderboard backfill': {
    examples: done(/^Done: \d+ participants of 1 campaign ranked /, /^Done: \d+ participants of 1 campaign ranked /),
    before: ({ fixture }) => new Platform(fixture.sql).crowd({ accountId: ids.account, campaignId: ids.campaign }, 2),
  },
  'analytics show': {
    examples: done(/Sign-ups: 3 /, /2026-11-01 +user\.signed_up +3/),
  },
  reconcile: {
    examples: done(/^Checked [^]*add --publish/, /^Checked [^]*add --yes/),
  },
  'suppressions list': {
    examples: done(/bounced/, /bounced/, /bounced/, /2030-01-31T12:30/),
  },
  'suppressions remove': {
    examples: done(dryRun, /Done: 1 removed\./),
  },
  timeline: {
    examples: done(
      /G\*\*\*@Example\.com joined/,
      /G\*\*\*@Example\.com joined/,
      /^No welcome mail yet: \S+email-workers has not read the event user\.signed_up/,
      /^TIME +WHAT/m,
      /^No reward: /,
    ),
  },
  forget: {
    examples: done(dryRun, dryRun, /Done: /),
    before: withIntents('pending'),
  },
  config: {
    examples: done(/SMTP_URL/, /^\{/),
  },
  completion: {
    examples: done(/complete -/, /^autoload -U \+X compinit/),
  },
}
