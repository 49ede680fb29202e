import type { Command } from 'commander'
import { beginPause, endPause } from '../../src/admin/pauses/change-pauses.ts'
import { lengthInWords, pauseLength } from '../../src/admin/pauses/pause-length.ts'
import { pauseTarget, targetToPause } from '../../src/admin/pauses/pause-target.ts'
import { requireShowable } from '../../src/admin/showable-text.ts'
import { pauseNames } from '../../src/daemon/compose/pause-names.ts'
import { createPauseAdmin } from '../../src/infra/postgres/admin/postgres-pause-admin.ts'
import { createProgressAdmin } from '../../src/infra/postgres/admin/postgres-progress-admin.ts'
import { checkSchema } from '../../src/infra/postgres/schema/schema-check.ts'
import { pauseScopes, pauseSentence, type Pause, type PauseScope } from '../../src/model/pause.ts'
import { stamp } from '../../src/std/ago.ts'
import { systemClock } from '../../src/std/clock.ts'
import { OperatorError } from '../../src/std/failure.ts'
import { configure, withDatabase, withKafka } from './connections.ts'
import { renderJson } from './render-json.ts'
import { renderTable } from './render-table.ts'
import type { Terminal } from './terminal.ts'

interface SetOptions {
  readonly group?: string
  readonly owner: string
  readonly because: string
  readonly for?: string
  readonly untilResumed?: boolean
  readonly extend?: boolean
  readonly json?: boolean
}

const KEPT = `
The pause is kept in the database: every daemon follows it within about 2 s, restarts and rebalances keep it, and it ends by itself after
--for. An attempt that has begun is finished; nothing is lost, and no attempt is counted.`

interface Scope {
  /** Of the one argument, or of both. */
  readonly takes: readonly [string, string?]
  readonly description: string
  /** As a pause is typed, after the scope. */
  readonly example: string
}

const scopes: Readonly<Record<PauseScope, Scope>> = {
  group: {
    takes: ['group'],
    description: 'fetches no event of a group, and executes no intent of it',
    example: 'reward-workers',
  },
  partition: {
    takes: ['group', 'partition'],
    description: 'fetches nothing of one partition of a group; its intents go on',
    example: 'email-workers 3',
  },
  channel: {
    takes: ['channel'],
    description: 'executes no intent of a channel; events are still accepted',
    example: 'email --group email-workers',
  },
  destination: {
    takes: ['endpoint'],
    description: 'sends nothing to an endpoint (its id in webhooks); its intents wait',
    example: '7a4b1d0e-52c7-4f0a-9a53-0a6d2f6b8c11',
  },
  campaign: {
    takes: ['campaign'],
    description: 'executes no intent of a campaign; its events are still accepted',
    example: '0c9e6c1f-3b1d-4f0e-8d8a-5f0f7a1e2b33',
  },
  type: {
    takes: ['type'],
    description: 'accepts events of a type, and executes no intent of them',
    example: 'user.signed_up --group email-workers',
  },
}

type Typed = readonly [target: string, partition: string | undefined]

/** `pause group`, `pause channel` and so on, for each scope. */
export function addPause(parent: Command, terminal: Terminal): void {
  for (const scope of pauseScopes) {
    scopeCommand(parent, scope, scopes[scope].description)
      .requiredOption('--owner <name>', 'who can be asked about it, such as a team; shown in logs and /status')
      .requiredOption('--because <text>', 'why; shown in logs and /status')
      .option('--for <length>', 'the pause ends by itself after this time, such as 30m, 2h or 3d')
      .option('--until-resumed', 'the pause lasts until it is ended with: workerctl resume')
      .option('--extend', 'replace owner, why and end of a pause that exists')
      .option('--json', 'print one JSON object')
      .addHelpText(
        'after',
        `${KEPT}

Examples:
  npm run workerctl -- pause ${scope} ${scopes[scope].example} --owner ops --because maintenance --for 2h
  npm run workerctl -- pause ${scope} ${scopes[scope].example} --owner ops --because investigation --until-resumed`,
      )
      .action(async (...args: unknown[]) => {
        const [typed, options] = argumentsOf(scope, args)
        await pause(scope, typed, options, terminal)
      })
  }
}

/** `resume group`, `resume channel` and so on, for each scope. */
export function addResume(parent: Command, terminal: Terminal): void {
  for (const scope of pauseScopes) {
    scopeCommand(parent, scope, `ends a pause: ${scopes[scope].takes.join(' and ')} as it was paused`)
      .requiredOption('--owner <name>', 'who resumes it; kept beside the pause')
      .option('--json', 'print one JSON object')
      .addHelpText(
        'after',
        `
Ends exactly the pause that "pause list" shows. Daemons go on within about 2 s.

Example:
  npm run workerctl -- resume ${scope} ${scopes[scope].example} --owner ops`,
      )
      .action(async (...args: unknown[]) => {
        const [typed, options] = argumentsOf(scope, args)
        await resume(scope, typed, options, terminal)
      })
  }
}

function scopeCommand(parent: Command, scope: PauseScope, description: string): Command {
  const command = parent.command(scope).description(description)
  for (const name of scopes[scope].takes) if (name !== undefined) command.argument(`<${name}>`)
  return scope === 'group' || scope === 'partition'
    ? command
    : command.option('--group <group>', 'only in this group; without, in all of them')
}

/** What commander passes to an action: the arguments of the scope, then the options. */
function argumentsOf(scope: PauseScope, args: readonly unknown[]): readonly [Typed, SetOptions] {
  const count = scopes[scope].takes.length
  const [target, partition] = args.slice(0, count).map(String)
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- commander makes them of the options above
  return [[target ?? '', partition], args[count] as SetOptions]
}

async function pause(scope: PauseScope, [target, partition]: Typed, options: SetOptions, terminal: Terminal): Promise<void> {
  const { config, groups } = configure(terminal)
  const paused = targetToPause({ scope, target, partition, group: options.group }, pauseNames(groups))
  const request = {
    ...paused,
    owner: requireShowable('--owner', options.owner),
    because: requireShowable('--because', options.because),
    forMs: lengthOf(options),
  }
  const done = await withDatabase(config, async (database) => {
    await checkSchema(database.sql)
    return beginPause(
      request,
      { replace: options.extend === true, way: 'add --extend' },
      {
        groups,
        pauses: createPauseAdmin(database),
        progress: createProgressAdmin(database),
        withLog: (work) => withKafka(config, work),
        now: () => systemClock.now(),
      },
    )
  })
  if (options.json === true) return terminal.out(renderJson(done))
  terminal.out(`${done.is === 'begun' ? 'Done' : 'Extended'}: ${pauseSentence(done.pause)}.`)
  for (const sentence of done.sentences) terminal.out(sentence)
}

async function resume(scope: PauseScope, [target, partition]: Typed, options: SetOptions, terminal: Terminal): Promise<void> {
  const { config, groups } = configure(terminal)
  const paused = pauseTarget({ scope, target, partition, group: options.group }, pauseNames(groups))
  const by = requireShowable('--owner', options.owner)
  const ended = await withDatabase(config, async (database) => {
    await checkSchema(database.sql)
    return endPause(paused, by, createPauseAdmin(database))
  })
  if (options.json === true) return terminal.out(renderJson({ ended }))
  terminal.out(`Resumed: ${pauseSentence(ended)}. Running daemons follow within about 2 s.`)
}

const LIST_HELP = `
LEFT is the time until the pause ends by itself.

Examples:
  npm run workerctl -- pause list
  npm run -s workerctl -- pause list --json`

export function addPauseList(parent: Command, terminal: Terminal): void {
  parent
    .command('list')
    .description('list what is paused, by whom, why and until when')
    .option('--json', 'print one JSON object')
    .addHelpText('after', LIST_HELP)
    .action(async (options: { readonly json?: boolean }) => {
      const { config } = configure(terminal)
      const pauses = await withDatabase(config, async (database) => {
        await checkSchema(database.sql)
        return createPauseAdmin(database).active()
      })
      if (options.json === true) return terminal.out(renderJson({ pauses }))
      if (pauses.length === 0) return terminal.out('Nothing is paused.')
      const now = systemClock.now()
      terminal.out(
        renderTable(
          ['SCOPE', 'TARGET', 'GROUP', 'OWNER', 'BECAUSE', 'SINCE', 'LEFT'],
          pauses.map((pause) => rowOf(pause, now)),
          terminal.columns,
          terminal,
        ),
      )
    })
}

function rowOf({ scope, target, group, owner, because, since, until }: Pause, now: number): readonly (string | null)[] {
  const left = until === null ? 'until resumed' : lengthInWords(until.getTime() - now)
  return [scope, target, group ?? 'all', owner, because, stamp(since, now), left]
}

/** Null: until it is resumed. */
function lengthOf({ for: length, untilResumed }: Pick<SetOptions, 'for' | 'untilResumed'>): number | null {
  if ((length === undefined) === (untilResumed !== true)) {
    throw new OperatorError('Say how long: give either --for with a time such as 2h, or --until-resumed.')
  }
  return length === undefined ? null : pauseLength(length)
}
