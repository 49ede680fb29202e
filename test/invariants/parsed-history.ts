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

/** A complete history, its entries grouped by kind; within a kind in the order of the file. */
export interface ParsedHistory {
  readonly folder: string
  readonly run: EntryOf<'run'>
  readonly seedData: EntryOf<'seed-data'>
  readonly changes: EntryOf<'change'>[]
  readonly acked: EntryOf<'acked'>[]
  readonly aborted: EntryOf<'aborted'>[]
  /** Without those of aborted transactions, even where the harness's own reader returned them: for the groups they do not exist. */
  readonly records: StoredRecord[]
  readonly deadLetterRecords: DeadLetterRecord[]
  readonly mails: EntryOf<'mail'>[]
  readonly calls: EntryOf<'webhook'>[]
  readonly commits: EntryOf<'commit'>[]
  readonly generations: EntryOf<'generation'>[]
  readonly offsetSamples: EntryOf<'offsets'>[]
  readonly rows: Rows
  readonly counted: EntryOf<'counted'>[]
  readonly processes: EntryOf<'process'>[]
  readonly faults: readonly FaultSpan[]
  readonly health: EntryOf<'health'>[]
  readonly memory: EntryOf<'memory'>[]
  readonly recovered: EntryOf<'recovered'>[]
  readonly refused: EntryOf<'refused'>[]
  /** The time of the last entry that has a time. */
  readonly endedAt: number
}

/** A fault from its begin to its end; a fault without an end lasts until the end of the run. */
export interface FaultSpan {
  readonly name: string
  readonly begin: number
  readonly end: number
  readonly affects: EntryOf<'fault'>['affects']
  readonly setBackTo: number | null
}

/** @throws with a sentence when the history is empty or cut off, or does not begin with its run */
export async function parseHistory(folder: string): Promise<ParsedHistory> {
  let run: EntryOf<'run'> | undefined
  let seedData: EntryOf<'seed-data'> | undefined
  let end: EntryOf<'end'> | undefined
  let lines = 0
  let endedAt = 0
  const faults: EntryOf<'fault'>[] = []
  const parsed = {
    changes: [] as EntryOf<'change'>[],
    acked: [] as EntryOf<'acked'>[],
    aborted: [] as EntryOf<'aborted'>[],
    records: [] as StoredRecord[],
    deadLetterRecords: [] as DeadLetterRecord[],
    mails: [] as EntryOf<'mail'>[],
    calls: [] as EntryOf<'webhook'>[],
    commits: [] as EntryOf<'commit'>[],
    generations: [] as EntryOf<'generation'>[],
    offsetSamples: [] as EntryOf<'offsets'>[],
    rows: noRows(),
    counted: [] as EntryOf<'counted'>[],
    processes: [] as EntryOf<'process'>[],
    health: [] as EntryOf<'health'>[],
    memory: [] as EntryOf<'memory'>[],
    recovered: [] as EntryOf<'recovered'>[],
    refused: [] as EntryOf<'refused'>[],
  }
  for await (const entry of readHistory(folder)) {
    if (end !== undefined) throw new Error(`The history in ${folder} continues after its end.`)
    if (run === undefined && entry.is !== 'run') throw new Error(`The history in ${folder} does not begin with the entry of its run.`)
    lines += 1
    if ('at' in entry) endedAt = Math.max(endedAt, entry.at)
    switch (entry.is) {
      case 'run':
        if (run !== undefined) throw new Error(`The history in ${folder} holds two runs.`)
        run = entry
        break
      case 'seed-data':
        seedData = seedData === undefined ? entry : joined(seedData, entry)
        break
      case 'change':
        parsed.changes.push(entry)
        break
      case 'acked':
        parsed.acked.push(entry)
        break
      case 'aborted':
        parsed.aborted.push(entry)
        break
      case 'record':
        if (run !== undefined) addRecord(parsed, run, entry)
        break
      case 'mail':
        parsed.mails.push(entry)
        break
      case 'webhook':
        parsed.calls.push(entry)
        break
      case 'commit':
        parsed.commits.push(entry)
        break
      case 'generation':
        parsed.generations.push(entry)
        break
      case 'offsets':
        parsed.offsetSamples.push(entry)
        break
      case 'row':
        addRow(parsed.rows, entry)
        break
      case 'counted':
        parsed.counted.push(entry)
        break
      case 'process':
        parsed.processes.push(entry)
        break
      case 'fault':
        faults.push(entry)
        break
      case 'health':
        parsed.health.push(entry)
        break
      case 'memory':
        parsed.memory.push(entry)
        break
      case 'recovered':
        parsed.recovered.push(entry)
        break
      case 'refused':
        parsed.refused.push(entry)
        break
      case 'end':
        end = entry
        if (end.entries !== lines - 1) throw new Error(`The history in ${folder} declares ${end.entries} entries and holds ${lines - 1}.`)
        break
      default:
        throw new Error(`The history in ${folder} holds an entry of an unknown kind: ${JSON.stringify(entry)}`)
    }
  }
  if (run === undefined) throw new Error(`The history in ${folder} is empty.`)
  if (seedData === undefined) throw new Error(`The history in ${folder} has no seed data.`)
  const aborted = new Set(parsed.aborted.map(({ eventId }) => eventId))
  const records = parsed.records
    .filter(({ reading }) => reading.is !== 'event' || !aborted.has(reading.event.id))
    .sort((one, other) => one.partition - other.partition || one.offset - other.offset)
  return { ...parsed, records, folder, run, seedData, endedAt, faults: spansOf(faults, endedAt) }
}

function addRecord(
  parsed: { readonly records: StoredRecord[]; readonly deadLetterRecords: DeadLetterRecord[] },
  run: EntryOf<'run'>,
  entry: LogRecord,
): void {
  const { partition, offset, timestamp, headers } = entry
  const value = entry.value === null ? null : Buffer.from(entry.value, 'base64')
  const valueSha256 = createHash('sha256')
    .update(value ?? '')
    .digest('hex')
  const stored = { partition, offset, timestamp, headers, valueSha256 }
  if (entry.topic !== undefined && entry.topic !== run.topic) parsed.deadLetterRecords.push({ ...stored, topic: entry.topic })
  else parsed.records.push({ ...stored, reading: readEnvelope(value, headers, run.maxEventBytes ?? 1_048_576) })
}

function joined(first: EntryOf<'seed-data'>, second: EntryOf<'seed-data'>): EntryOf<'seed-data'> {
  return { is: 'seed-data', campaigns: [...first.campaigns, ...second.campaigns], rewards: [...first.rewards, ...second.rewards] }
}

/** Pairs each begin with the next end of the same name. */
function spansOf(faults: readonly EntryOf<'fault'>[], endedAt: number): readonly FaultSpan[] {
  const open: { name: string; begin: number; affects: EntryOf<'fault'>['affects']; setBackTo: number | null }[] = []
  const spans: FaultSpan[] = []
  for (const { name, phase, at, affects, setBackTo } of faults) {
    if (phase === 'begin') {
      open.push({ name, begin: at, affects, setBackTo: setBackTo ?? null })
      continue
    }
    const index = open.findIndex((fault) => fault.name === name)
    const [begun] = index < 0 ? [] : open.splice(index, 1)
    spans.push({
      name,
      begin: begun?.begin ?? at,
      end: at,
      affects: begun?.affects ?? affects,
      setBackTo: setBackTo ?? begun?.setBackTo ?? null,
    })
  }
  return [...spans, ...open.map((fault) => ({ ...fault, end: endedAt }))]
}

/** Whether the database has lost the transactions of this time; mails and requests of such a time may be repeated. */
export function isLostTime(history: ParsedHistory, at: number): boolean {
  return history.faults.some(({ setBackTo, end }) => setBackTo !== null && at >= setBackTo && at <= end)
}

/** Whether the database was ever restored to an earlier time. */
export function wasSetBack(history: ParsedHistory): boolean {
  return history.faults.some(({ setBackTo }) => setBackTo !== null)
}
