import { expect, it } from 'vitest'
import { createProgram, run } from '../../../cmd/workerctl/run.ts'
import { checkNames } from '../../../src/admin/doctor/check.ts'
import { intentStates } from '../../../src/admin/intents/intent-filter.ts'
import { eventTypes } from '../../../src/events/catalogue/catalogue.ts'
import { knownGroups } from '../../../src/consumers/registry.ts'
import { outboxReasons } from '../../../src/model/outbox-reason.ts'
import { leavesOf } from '../../support/workerctl-examples.ts'
import { deadLetterReasons } from '../../../src/model/dead-letter-reason.ts'

/** Nothing listens there: a command that does not refuse its options first reports the database. */
const environment = { KAFKA_BROKERS: '127.0.0.1:1', DATABASE_URL: 'postgres://worker@127.0.0.1:1/worker' }
const terminal = { environment, out: () => undefined, err: () => undefined, isTerminal: false, columns: null, ask: null }

it.each([
  [
    ['dlq', 'list', '--reason', 'consumer-eror'],
    `There is no reason "consumer-eror" (did you mean consumer-error?): give one of ${deadLetterReasons.join(', ')}.`,
  ],
  [['suppressions', 'list', '--reason', 'bonced'], 'There is no reason "bonced" (did you mean bounced?): give bounced or unsubscribed.'],
  [['suppressions', 'list', '--email', 'guest'], '--email is not a mail address: give it without a name, such as guest@example.com.'],
  [['suppressions', 'remove', '--account', '7'], '--account must be a UUID such as 7a4b1d0e-52c7-4f0a-9a53-0a6d2f6b8c11.'],
  [['events', 'show', 'zzz'], '<event> must be PARTITION/OFFSET such as 3/4711, or a UUID such as 7a4b1d0e-52c7-4f0a-9a53-0a6d2f6b8c11.'],
  [['intents', 'list', '--state', 'deda'], `There is no state "deda" (did you mean dead?): give one of ${intentStates.join(', ')}.`],
  [
    ['outbox', 'list', '--reason', 'unkown-topic'],
    `There is no reason "unkown-topic" (did you mean unknown-topic?): give one of ${outboxReasons.join(', ')}.`,
  ],
  [
    ['offsets', 'show', '--group', 'email-worker'],
    `There is no group "email-worker" (did you mean email-workers?): give one of ${knownGroups.groups.join(', ')}.`,
  ],
  [
    ['offsets', 'reset', '--group', 'email-workers', '--to', 'latets'],
    '--to "latets" is not a position (did you mean latest?): give earliest, latest, committed, an offset such as 1200, a length of time before now such as 30m, 12h or 7d, or an RFC 3339 time such as 2026-01-31T00:00:00Z.',
  ],
  [
    ['dlq', 'discard', 'email-workers/3/4711', '--owner', 'ada@example.com', '--because', 'a test'],
    '--owner is kept and shown to others: give no address, but a name, a team or a ticket.',
  ],
  [
    ['dlq', 'discard', 'email-workers/3/4711', '--owner', 'ada', '--because', 'ada@example.com left'],
    '--because is kept and shown to others: give no address, but a name, a team or a ticket.',
  ],
  [['dlq', 'replay', 'email-workers/3/4711', '--owner', ' '], '--owner must be one line of 1 to 200 characters.'],
  [['dlq', 'edit', 'email-workers/3/4711', '--file', '-', '--owner', ''], '--owner must be one line of 1 to 200 characters.'],
  [
    ['dlq', 'note', '0123456789ab', '--note', 'for ada@example.com'],
    '--note is kept and shown to others: give no address, but a name, a team or a ticket.',
  ],
  [['replay', 'cancel', '12', '--owner', '', '--because', 'wrong'], '--owner must be one line of 1 to 200 characters.'],
  [
    ['replay', 'run', '--group', 'email-workers', '--from', 'earliest', '--confirm', '1', '--owner', 'ada', '--because', 'a\nb'],
    '--because must be one line of 1 to 200 characters.',
  ],
  [
    ['replay', 'plan', '--group', 'email-workers', '--from', 'earliest', '--type', 'user.signedup'],
    `There is no event type "user.signedup" (did you mean user.signed_up?): give one of ${eventTypes.join(', ')}.`,
  ],
  [['doctor', '--only', 'acls', 'databse'], `There is no check "databse" (did you mean database?): give one of ${checkNames.join(', ')}.`],
  [['migrate', '--set', 'workr'], 'There is no set "workr" (did you mean worker?): give one of worker, analytics, app.'],
  [['completion', 'bsh'], 'There is no shell "bsh" (did you mean bash?): give one of bash, zsh.'],
  [
    ['replay', 'plan', '--group', 'email-workers', '--from', 'earlest'],
    '--from "earlest" is not a position (did you mean earliest?): give earliest, latest, an offset such as 1200, a length of time before now such as 30m, 12h or 7d, or an RFC 3339 time such as 2026-01-31T00:00:00Z.',
  ],
  [['timeline'], 'Give exactly one of --user, --email, --event, --campaign and --reward.'],
  [['suppressions', 'remove'], 'Select the suppressions: give --email, --user, --account, --reason, --since or --until.'],
  [
    ['intents', 'retry', '--state', 'dead', '--reason', ''],
    '--reason is empty: give one or more values separated by commas, or leave it out.',
  ],
  [
    ['suppressions', 'remove', '--until', '2026-01-31T12:00Z'],
    '--until "2026-01-31T12:00Z" is not a time: give a length of time before now such as 30m, 12h or 7d, or an RFC 3339 time such as 2026-01-31T00:00:00Z.',
  ],
  [
    ['reconcile', '--since', 'earliest'],
    '--since "earliest" is not a time: give a length of time before now such as 30m, 12h or 7d, or an RFC 3339 time such as 2026-01-31T00:00:00Z.',
  ],
  [
    ['reconcile', '--until', '2026-02-30T00:00:00Z'],
    '--until "2026-02-30T00:00:00Z" is not a time: give a length of time before now such as 30m, 12h or 7d, or an RFC 3339 time such as 2026-01-31T00:00:00Z.',
  ],
])('%j is refused before anything is read, with a way out that the command accepts', async (args, sentence) => {
  const err: string[] = []
  const code = await run(args, { ...terminal, err: (line) => err.push(line) })
  expect({ code, err }).toEqual({ code: 1, err: [sentence] })
})

it('every option and argument that takes certain words only refuses another with the nearest', () => {
  const choices = [...leavesOf(createProgram(terminal), [])].flatMap(([, { options, registeredArguments }]) =>
    [...options, ...registeredArguments].filter(({ argChoices }) => argChoices !== undefined),
  )
  expect(choices.length).toBeGreaterThan(0)
  for (const choice of choices) {
    const [word = ''] = choice.argChoices ?? []
    expect(() => choice.parseArg?.(`${word}x`, undefined)).toThrow(`"${word}x" (did you mean ${word}?): give one of`)
    expect(choice.parseArg?.<unknown>(word, undefined)).toEqual(choice.variadic ? [word] : word)
  }
})
