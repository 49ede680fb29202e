import type { Entry, EntryOf, Group } from '../../invariants/history.ts'
import { address, changes, endOfLog, eventId, groups, lettersOf, log, person, run, setting, sha, T } from './valid-log.ts'
import { acceptedAt, acceptedBy, countsOf, deadLettersOf, intent, mails, outcome, row, rows } from './valid-rows.ts'

/**
 * A small history of a run in which everything held, written by hand: one campaign, five people, every type of event on one partition
 * of each registered group, a webhook and a mailed reward, a repeat, a conflict, a bad record, a kill and two clean stops.
 */
export function validHistory(): Entry[] {
  return [run, setting, ...changes, ...log(), ...seen(), ...processes, ...atRest()]
}

const messageId = (offset: number, type: string, to: number) =>
  `<${sha(JSON.stringify([eventId(offset), type, person(to)])).slice(0, 32)}@mail.example>`

function seen(): Entry[] {
  const taken = mails.map(([offset, type, to, shown], index): Entry => {
    const isCut = type === 'verification' && mails[index + 1]?.[1] === type
    return {
      is: 'mail',
      at: T + 600 + index,
      messageId: messageId(offset, type, to),
      recipients: [address(to)],
      subject: type,
      type: null,
      sha256: sha(`${offset} ${type} ${to}`),
      reply: isCut ? null : 250,
      ...(shown === undefined ? {} : { position: shown }),
    }
  })
  const call = { is: 'webhook', id: 'msg_1', path: '/hook', bodySha256: sha('body'), signatureOk: true } as const
  return [...taken, { ...call, at: T + 650, status: 500 }, { ...call, at: T + 660, status: 200 }]
}

const happened = (daemon: number, at: number, event: EntryOf<'process'>['event'], more: object = {}): Entry => ({
  is: 'process',
  at: T + at,
  daemon,
  pid: 100 + daemon,
  event,
  ...more,
})
const probe = (daemon: number, at: number, ready: boolean): Entry => ({
  is: 'health',
  at: T + at,
  daemon,
  ready,
  live: true,
  reasons: ready ? [] : ['database-away'],
})
const fault = (phase: 'begin' | 'end', at: number, name: string, affects: EntryOf<'fault'>['affects']): Entry => ({
  is: 'fault',
  at: T + at,
  name,
  phase,
  affects,
})

const processes: readonly Entry[] = [
  happened(1, 50, 'started'),
  happened(1, 60, 'ready'),
  { is: 'memory', at: T + 70, daemon: 1, residentMb: 150 },
  probe(1, 80, true),
  happened(1, 700, 'signalled', { signal: 'SIGKILL', failpoint: 'after the final dot' }),
  happened(1, 701, 'exited', { code: 'SIGKILL' }),
  happened(2, 800, 'started'),
  happened(2, 810, 'ready'),
  fault('begin', 50_000, 'the database is away', ['database']),
  probe(2, 64_500, false),
  fault('end', 65_000, 'the database is away', ['database']),
  probe(2, 70_000, true),
  { is: 'recovered', at: T + 70_000, afterMs: 5_000 },
]

export const unregistered: Group = {
  name: 'census-workers',
  id: 'x.census-workers',
  types: ['user.*', 'referral.created'],
  needs: [],
  projects: true,
  counts: [{ name: 'census.events', by: ['campaign_id', 'type', 'day'] }],
}

/**
 * The same history with one group more, of which the checker knows nothing but what the run says: it counts events in a table of its own,
 * and calls an endpoint about each of them.
 */
export function withUnregisteredGroup(history: readonly Entry[]): Entry[] {
  const group = unregistered
  const call = { is: 'webhook', path: '/census', signatureOk: true, status: 204 } as const
  return [
    ...history.map((entry) => (entry.is === 'run' ? { ...entry, groups: [...entry.groups, group] } : entry)),
    ...atRestOf(group.id),
    ...lettersOf(group),
    ...deadLettersOf(group),
    ...acceptedBy(group).flatMap((offset): Entry[] => [
      outcome(group.id, offset, acceptedAt.get(offset) ?? 0, [`census:${eventId(offset)}`]),
      intent(group.id, `census:${eventId(offset)}`, 'delivered', { channel: 'webhook', envelope: { webhookId: `msg_c${offset}` } }),
      { ...call, at: T + 670 + offset, id: `msg_c${offset}`, bodySha256: sha(`census ${offset}`) },
      row('webhook_deliveries', { payload: { data: {} }, status: 'success', attempt_number: 1, error_message: null }),
    ]),
    ...countsOf(group),
  ]
}

/** What stands at the end; the commits of each group went in two steps, by two members. */
function atRest(): Entry[] {
  const perGroup = groups.flatMap(({ id }) => atRestOf(id))
  return [
    ...perGroup,
    ...groups.flatMap(countsOf),
    happened(2, 81_000, 'signalled', { signal: 'SIGTERM' }),
    happened(2, 82_000, 'exited', { code: 0 }),
    ...rows(),
  ]
}

function atRestOf(group: string): Entry[] {
  const generation = (number: number, logOffset: number, at: number): Entry => ({
    is: 'generation',
    logOffset,
    at: T + at,
    group,
    generation: number,
    members: [{ id: `member-${number}`, partitions: [0] }],
  })
  const commit = (number: number, logOffset: number, at: number, offset: number): Entry => ({
    is: 'commit',
    logOffset,
    at: T + at,
    group,
    topic: 'domain-events',
    partition: 0,
    offset,
    metadata: 'progress-row',
    generation: number,
  })
  const positions = (when: EntryOf<'offsets'>['when'], at: number, committed: number, stands: number): Entry => ({
    is: 'offsets',
    at: T + at,
    group,
    committed: { 0: committed },
    stored: { 0: stands },
    when,
  })
  return [
    generation(1, 0, 90),
    commit(1, 1, 215, 5),
    positions('running', 300, 5, endOfLog),
    generation(2, 2, 820),
    commit(2, 3, 900, endOfLog),
    positions('drained', 80_000, endOfLog, endOfLog),
    positions('clean-stop', 100_000, endOfLog, endOfLog),
    row('progress', { group_name: group, topic: 'domain-events', partition: 0, next_offset: String(endOfLog) }),
  ]
}
