import { createHash } from 'node:crypto'
import { readEnvelope, type Reading } from './envelope.ts'
import { readHistory, type EntryOf, type LogRecord } from './history.ts'
import { addRow, noRows, type Rows } from './rows.ts'

/** A record of the run's topic. */
export interface StoredRecord {
  readonly partition: number
  readonly offset: number
  readonly timestamp: number
  readonly headers: LogRecord['headers']
  readonly valueSha256: string
  readonly reading: Reading
}

/** A record of a dead-letter topic. */
export interface DeadLetterRecord extends Omit<StoredRecord, 'reading'> {
  readonly topic: string
}

/** A history as a whole, sorted by what its entries are; within one kind in the order of the file. */
export interface WholeHistory {
  readonly folder: string
  readonly run: EntryOf<'run'>
  readonly setting: EntryOf<'setting'>
  readonly changes: EntryOf<'change'>[]
  readonly acked: EntryOf<'acked'>[]
  readonly aborted: EntryOf<'aborted'>[]
  /** Without those of aborted transactions, whatever the harness's own reader let through: to the groups they do not exist. */
  readonly records: StoredRecord[]
  readonly deadLetterRecords: DeadLetterRecord[]
  readonly mails: EntryOf<'mail'>[]
  readonly calls: EntryOf<'webhook'>[]
  readonly commits: EntryOf<'commit'>[]
  readonly generations: EntryOf<'generation'>[]
  readonly positions: EntryOf<'positions'>[]
  readonly rows: Rows
  readonly counted: EntryOf<'counted'>[]
  readonly processes: EntryOf<'process'>[]
  readonly faults: readonly FaultSpan[]
  readonly health: EntryOf<'health'>[]
  readonly memory: EntryOf<'memory'>[]
  readonly recovered: EntryOf<'recovered'>[]
  readonly refused: EntryOf<'refused'>[]
  /** Of the last entry with a time. */
  readonly endedAt: number
}

/** A fault from its begin to its end; one that never ended lasts to the end of the run. */
export interface FaultSpan {
  readonly name: string
  readonly begin: number
  readonly end: number
  readonly hits: EntryOf<'fault'>['hits']
  readonly setBackTo: number | null
}

/** @throws with a sentence when the history is empty, cut off, or does not begin as one must. */
export async function wholeHistory(folder: string): Promise<WholeHistory> {
  let run: EntryOf<'run'> | undefined
  let setting: EntryOf<'setting'> | undefined
  let end: EntryOf<'end'> | undefined
  let lines = 0
  let endedAt = 0
  const faults: EntryOf<'fault'>[] = []
  const whole = {
    changes: [] as EntryOf<'change'>[],
    acked: [] as EntryOf<'acked'>[],
    aborted: [] as EntryOf<'aborted'>[],
    records: [] as StoredRecord[],
    deadLetterRecords: [] as DeadLetterRecord[],
    mails: [] as EntryOf<'mail'>[],
    calls: [] as EntryOf<'webhook'>[],
    commits: [] as EntryOf<'commit'>[],
    generations: [] as EntryOf<'generation'>[],
    positions: [] as EntryOf<'positions'>[],
    rows: noRows(),
    counted: [] as EntryOf<'counted'>[],
    processes: [] as EntryOf<'process'>[],
    health: [] as EntryOf<'health'>[],
    memory: [] as EntryOf<'memory'>[],
    recovered: [] as EntryOf<'recovered'>[],
    refused: [] as EntryOf<'refused'>[],
  }
  for await (const entry of readHistory(folder)) {
    if (end !== undefined) throw new Error(`The history in ${folder} goes on behind its end.`)
    if (run === undefined && entry.is !== 'run') throw new Error(`The history in ${folder} does not begin with its run.`)
    lines += 1
    if ('at' in entry) endedAt = Math.max(endedAt, entry.at)
    switch (entry.is) {
      case 'run':
        if (run !== undefined) throw new Error(`The history in ${folder} holds two runs.`)
        run = entry
        break
      case 'setting':
        setting = setting === undefined ? entry : joined(setting, entry)
        break
      case 'change':
        whole.changes.push(entry)
        break
      case 'acked':
        whole.acked.push(entry)
        break
      case 'aborted':
        whole.aborted.push(entry)
        break
      case 'record':
        if (run !== undefined) addRecord(whole, run, entry)
        break
      case 'mail':
        whole.mails.push(entry)
        break
      case 'webhook':
        whole.calls.push(entry)
        break
      case 'commit':
        whole.commits.push(entry)
        break
      case 'generation':
        whole.generations.push(entry)
        break
      case 'positions':
        whole.positions.push(entry)
        break
      case 'row':
        addRow(whole.rows, entry)
        break
      case 'counted':
        whole.counted.push(entry)
        break
      case 'process':
        whole.processes.push(entry)
        break
      case 'fault':
        faults.push(entry)
        break
      case 'health':
        whole.health.push(entry)
        break
      case 'memory':
        whole.memory.push(entry)
        break
      case 'recovered':
        whole.recovered.push(entry)
        break
      case 'refused':
        whole.refused.push(entry)
        break
      case 'end':
        end = entry
        if (end.entries !== lines - 1)
          throw new Error(`The history in ${folder} says that it holds ${end.entries} entries, and holds ${lines - 1}.`)
        break
      default:
        throw new Error(`The history in ${folder} holds an entry of a kind that is not known: ${JSON.stringify(entry)}`)
    }
  }
  if (run === undefined) throw new Error(`The history in ${folder} is empty.`)
  if (setting === undefined) throw new Error(`The history in ${folder} says nothing of what stood before the first change.`)
  const aborted = new Set(whole.aborted.map(({ eventId }) => eventId))
  const records = whole.records
    .filter(({ reading }) => reading.is !== 'event' || !aborted.has(reading.event.id))
    .sort((one, other) => one.partition - other.partition || one.offset - other.offset)
  return { ...whole, records, folder, run, setting, endedAt, faults: spansOf(faults, endedAt) }
}

function addRecord(
  whole: { readonly records: StoredRecord[]; readonly deadLetterRecords: DeadLetterRecord[] },
  run: EntryOf<'run'>,
  entry: LogRecord,
): void {
  const { partition, offset, timestamp, headers } = entry
  const value = entry.value === null ? null : Buffer.from(entry.value, 'base64')
  const valueSha256 = createHash('sha256')
    .update(value ?? '')
    .digest('hex')
  const stored = { partition, offset, timestamp, headers, valueSha256 }
  if (entry.topic !== undefined && entry.topic !== run.topic) whole.deadLetterRecords.push({ ...stored, topic: entry.topic })
  else whole.records.push({ ...stored, reading: readEnvelope(value, headers, run.maxEventBytes ?? 1_048_576) })
}

function joined(one: EntryOf<'setting'>, other: EntryOf<'setting'>): EntryOf<'setting'> {
  return { is: 'setting', campaigns: [...one.campaigns, ...other.campaigns], rewards: [...one.rewards, ...other.rewards] }
}

/** A begin goes with the next end of its name. */
function spansOf(faults: readonly EntryOf<'fault'>[], endedAt: number): readonly FaultSpan[] {
  const open: { name: string; begin: number; hits: EntryOf<'fault'>['hits']; setBackTo: number | null }[] = []
  const spans: FaultSpan[] = []
  for (const { name, phase, at, hits, setBackTo } of faults) {
    if (phase === 'begin') {
      open.push({ name, begin: at, hits, setBackTo: setBackTo ?? null })
      continue
    }
    const index = open.findIndex((one) => one.name === name)
    const [begun] = index < 0 ? [] : open.splice(index, 1)
    spans.push({ name, begin: begun?.begin ?? at, end: at, hits: begun?.hits ?? hits, setBackTo: setBackTo ?? begun?.setBackTo ?? null })
  }
  return [...spans, ...open.map((one) => ({ ...one, end: endedAt }))]
}

/** Times whose transactions the database has lost; a mail or a request of such a time may come again. */
export function isLostTime(history: WholeHistory, at: number): boolean {
  return history.faults.some(({ setBackTo, end }) => setBackTo !== null && at >= setBackTo && at <= end)
}

/** Whether the database ever went back in time. */
export function wasSetBack(history: WholeHistory): boolean {
  return history.faults.some(({ setBackTo }) => setBackTo !== null)
}
