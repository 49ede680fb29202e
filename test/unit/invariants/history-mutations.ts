import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { checkHistory } from '../../invariants/check-history.ts'
import { HISTORY_FILE, type Entry, type EntryOf, type Row } from '../../invariants/history.ts'
import { checkNames, type CheckName, type CheckReport } from '../../invariants/check-report.ts'
import { address, eventId, person, position, T } from './valid-log.ts'
import { mailKey } from './valid-rows.ts'
import { validHistory } from './valid-history.ts'

export type Mutation = (history: Entry[]) => Entry[]

/** What makes a history invalid, and the check that finds it. */
export type NamedMutation = readonly [name: string, by: CheckName, mutate: Mutation]

/** What the checks say of the history. */
export async function judged(history: readonly Entry[], log = 'nothing of interest\n'): Promise<CheckReport> {
  return checkHistory(await folderOf(history.map((entry) => JSON.stringify(entry)).join('\n'), log))
}

export async function folderOf(text: string, log = ''): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'history-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  await writeFile(join(folder, HISTORY_FILE), text)
  for (const daemon of [1, 2, 3]) await writeFile(join(folder, `daemon-${daemon}.log`), daemon === 1 ? log : '')
  return folder
}

export function findings(report: CheckReport): string[] {
  return checkNames.flatMap((check) => report.checks[check].examples.map((sentence) => `${check}: ${sentence}`))
}

function isOf<Kind extends Entry['is']>(entry: Entry, kind: Kind): entry is EntryOf<Kind> {
  return entry.is === kind
}

export function without<Kind extends Entry['is']>(kind: Kind, which: (entry: EntryOf<Kind>) => boolean): Mutation {
  return (history) => history.filter((entry) => !(isOf(entry, kind) && which(entry)))
}

export function withEntry<Kind extends Entry['is']>(
  kind: Kind,
  which: (entry: EntryOf<Kind>) => boolean,
  change: Partial<EntryOf<Kind>>,
): Mutation {
  return (history) => history.map((entry) => (isOf(entry, kind) && which(entry) ? { ...entry, ...change } : entry))
}

/** The mail about a position does not show it. */
export function withoutPosition(history: Entry[]): Entry[] {
  return history.map((entry) => {
    if (entry.is !== 'mail' || entry.subject !== 'position_update') return entry
    const { position: _, ...rest } = entry
    return rest
  })
}

export function also<Kind extends Entry['is']>(
  kind: Kind,
  which: (entry: EntryOf<Kind>) => boolean,
  change: Partial<EntryOf<Kind>>,
): Mutation {
  return (history) => history.flatMap((entry) => (isOf(entry, kind) && which(entry) ? [entry, { ...entry, ...change }] : [entry]))
}

type Columns = Row['row']
function isRow(table: Row['table'], where: Columns): (entry: Row) => boolean {
  return (entry) => entry.table === table && Object.entries(where).every(([column, value]) => entry.row[column] === value)
}

export function withoutRow(table: Row['table'], where: Columns): Mutation {
  return without('row', isRow(table, where))
}

/** Without the first row of the table. */
export function withoutFirst(table: Row['table']): Mutation {
  return (history) =>
    history.toSpliced(
      history.findIndex((entry) => entry.is === 'row' && entry.table === table),
      1,
    )
}

export function doubleRow(table: Row['table'], where: Columns): Mutation {
  return also('row', isRow(table, where), {})
}

export function alsoRow(table: Row['table'], where: Columns, change: Columns): Mutation {
  return (history) =>
    history.flatMap((entry) =>
      entry.is === 'row' && isRow(table, where)(entry) ? [entry, { ...entry, row: { ...entry.row, ...change } }] : [entry],
    )
}

export function withRow(table: Row['table'], where: Columns, change: Columns): Mutation {
  return (history) =>
    history.map((entry) => (entry.is === 'row' && isRow(table, where)(entry) ? { ...entry, row: { ...entry.row, ...change } } : entry))
}

export function withJoin(userId: string, more: object): Mutation {
  return (history) =>
    history.map((entry) =>
      entry.is === 'change' && entry.change.is === 'join' && entry.change.userId === userId
        ? { ...entry, change: { ...entry.change, ...more } }
        : entry,
    )
}

/** The mail was not sent, and its row has a reason. */
export function withoutMail(offset: number, type: string, to: number, change: Columns): Mutation {
  return (history) => {
    const rest = without('mail', ({ subject, recipients }) => subject === type && recipients[0] === address(to))(history)
    const logged = withoutRow('email_logs', { type, user_id: person(to) })(rest)
    return withRow('intents', { key: mailKey(offset, type, to) }, change)(logged)
  }
}

/** Neither the mail nor its row exist. */
export function leaveOut(offset: number, type: string, to: number): Mutation {
  return (history) => withoutRow('intents', { key: mailKey(offset, type, to) })(withoutMail(offset, type, to, {})(history))
}

/** Events came in the middle of the fault, and their group waited until it was over. */
export function relayAway(history: Entry[], { offset: of, group } = { offset: 3, group: position }): Entry[] {
  const fault = { is: 'fault', name: 'the relay is away', affects: ['relay'] } as const
  const moved = withEntry('record', ({ topic, offset }) => topic === undefined && offset === of, { timestamp: T + 120_000 })(history)
  const late = withRow('outcomes', { group_name: group, event_id: eventId(of) }, { at: T + 131_000 })(moved)
  return [...late, { ...fault, phase: 'begin', at: T + 112_500 }, { ...fault, phase: 'end', at: T + 130_000 }]
}

/** An entry of a third daemon, which is killed at the end. */
export function third(event: EntryOf<'process'>['event'], at: number): Entry[] {
  const entry = { is: 'process', daemon: 3, pid: 103 } as const
  if (event !== 'exited') return [{ ...entry, at: T + at, event }]
  return [signal(3, at - 1, 'SIGKILL'), { ...entry, at: T + at, event, code: 'SIGKILL', lines: 0 }]
}

export function mailOf(type: string): EntryOf<'mail'> {
  const found = validHistory().find((entry): entry is EntryOf<'mail'> => entry.is === 'mail' && entry.subject === type)
  if (found === undefined) throw new Error(`There is no ${type} mail.`)
  return found
}

export function lastCommit(): EntryOf<'commit'> {
  const found = validHistory().findLast((entry): entry is EntryOf<'commit'> => entry.is === 'commit')
  if (found === undefined) throw new Error('There is no commit.')
  return found
}

/** The event of offset 1 under another id, in a transaction that was aborted. */
export function abortedRecord(): Entry[] {
  const record = validHistory().find((entry) => entry.is === 'record' && entry.offset === 1)
  if (record?.is !== 'record') throw new Error('There is no record.')
  const value = Buffer.from(String(record.value), 'base64').toString().replace(eventId(1), eventId(77))
  return [
    { is: 'aborted', at: T + 101, eventId: eventId(77) },
    { ...record, offset: 77, value: Buffer.from(value).toString('base64') },
  ]
}

export function sampleOf(when: EntryOf<'offsets'>['when']): EntryOf<'offsets'> {
  const found = validHistory().findLast((entry): entry is EntryOf<'offsets'> => entry.is === 'offsets' && entry.when === when)
  if (found === undefined) throw new Error(`There are no offsets of ${when}.`)
  return found
}

export function signal(daemon: number, at: number, name: string): EntryOf<'process'> {
  return { is: 'process', at: T + at, daemon, pid: 100 + daemon, event: 'signalled', signal: name }
}
