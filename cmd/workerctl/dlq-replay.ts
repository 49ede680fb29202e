import type { Command } from 'commander'
import type { DeadLetterRecord, LetterCopy } from '../../src/admin/dead-letters/dead-letter-admin.ts'
import type { TypedLetterFilter } from '../../src/admin/dead-letters/letter-filter.ts'
import { letterHandle } from '../../src/admin/dead-letters/letter-handle.ts'
import {
  draftedIntents,
  letters as inWords,
  previewOf,
  previewSentences,
  type ReplayPreview,
} from '../../src/admin/dead-letters/replay-preview.ts'
import { requireShowable } from '../../src/admin/showable-text.ts'
import { composeConsumers } from '../../src/daemon/compose/consumers.ts'
import { withForesight } from '../../src/daemon/compose/foresight.ts'
import { systemClock } from '../../src/std/clock.ts'
import type { Replayed } from '../../src/ingest/replay-letters.ts'
import type { Intent } from '../../src/model/intent.ts'
import { changedMeanwhile, decide, type Decision } from './decide.ts'
import { addLetterFilter, placeOf, readAll, withLetters, type Letters } from './dlq-context.ts'
import { knownUnderOtherIds, rehearsal } from './dlq-rehearse.ts'
import { isConfirmed, selectLetters } from './dlq-select.ts'
import { renderJson } from './render-json.ts'
import type { Terminal } from './terminal.ts'
import { wholeNumber } from './whole-number.ts'

interface Options extends TypedLetterFilter {
  readonly owner: string
  readonly because?: string
  readonly allowOlder?: boolean
  readonly limit: number
  readonly confirm?: number
  readonly dryRun?: boolean
  readonly json?: boolean
}

const HELP = `
The letters go through decode, decision and accept of their own group only, in a daemon that runs it; nothing is published. An event that the group
has handled under the same id meanwhile has no second effect. One that fails again stays a dead letter, with the new reason. Mails and webhooks of
a replay go out after the live ones.

The preview runs the accept of this program on each letter and rolls it back, so it says what would happen now. Nothing changes unless the number
of letters is confirmed: by --confirm, or at the prompt.

Examples:
  npm run workerctl -- dlq replay email-workers/3/4711 --owner ada
  npm run workerctl -- dlq replay --fingerprint 0123456789ab --owner ada --because "fixed in 2.4.1" --confirm 12
  npm run workerctl -- dlq replay --reason unsupported-version --since 2026-01-31T00:00:00Z --owner ada --dry-run`

export function addDlqReplay(parent: Command, terminal: Terminal): void {
  addLetterFilter(parent.command('replay').argument('[letter...]', 'names as shown by "dlq list"'))
    .description('replay dead letters through the accept of their own group')
    .requiredOption('--owner <name>', 'who requests it; kept with each letter')
    .option('--because <text>', 'why; kept with each letter')
    .option('--allow-older', 'also accept records older than DEDUPE_DAYS, whose effects may be forgotten')
    .option('--limit <count>', 'refuse the replay when more match', wholeNumber(1, 100_000), 1_000)
    .option('--confirm <count>', 'request it, if the plan has so many letters', wholeNumber(1, 100_000))
    .option('--dry-run', 'show the plan without applying it')
    .option('--json', 'print one JSON object; never prompts')
    .addHelpText('after', HELP)
    .action(async (named: string[], options: Options) => {
      const owner = requireShowable('--owner', options.owner)
      const because = options.because === undefined ? null : requireShowable('--because', options.because)
      await withLetters(terminal, { filter: options, letters: named }, async (letters) => {
        const { admin } = letters
        const records = await selectLetters(letters, named, options, ['open', 'discarded'])
        const copies = await copiesOf(letters, records)
        const gone = records.filter((record) => !copies.has(record)).map(letterHandle)
        const preview = await previewed(letters, copies, options.allowOlder === true)
        const isJson = options.json === true
        if (!isJson && copies.size > 0) for (const sentence of previewSentences(preview)) terminal.out(sentence)
        if (!isJson && gone.length > 0) terminal.out(`Left out, because no topic has the record any more: ${gone.join(', ')}.`)
        const decided = await decide(copies.size > 0, { ...options, yes: isConfirmed(options.confirm, copies.size) }, terminal)
        const { allowOlder = false } = options
        const requested = decided === 'apply' ? await admin.request([...copies.values()], { owner, because, allowOlder }) : 0
        if (isJson) terminal.out(renderJson({ ...preview, gone, applied: requested > 0, requested }))
        const [first] = copies.keys()
        if (decided === 'apply' && requested === 0 && first !== undefined)
          throw changedMeanwhile(inWords(copies.size), `dlq show ${letterHandle(first)}`)
        if (!isJson) terminal.out(conclusion(decided, copies.size, requested))
      })
    })
}

/** What a replay of each letter reads: the operator's copy, or the record. */
async function copiesOf(letters: Letters, records: readonly DeadLetterRecord[]): Promise<ReadonlyMap<DeadLetterRecord, LetterCopy>> {
  const read = await readAll(
    letters,
    records.filter(({ edited }) => !edited),
  )
  const copies = new Map<DeadLetterRecord, LetterCopy>()
  for (const record of records) {
    const place = placeOf(record)
    const found = record.edited ? await letters.admin.copy(place) : (read.get(letterHandle(record))?.record ?? null)
    if (found !== null) copies.set(record, { place, record: found })
  }
  return copies
}

async function previewed(letters: Letters, copies: ReadonlyMap<DeadLetterRecord, LetterCopy>, allowOlder: boolean): Promise<ReplayPreview> {
  const { config, database } = letters
  const rehearse = rehearsal(letters)
  const results = new Map<LetterCopy, Replayed>()
  const intents: Intent[] = []
  for (const copy of copies.values()) {
    const result = await rehearse(copy, allowOlder)
    results.set(copy, result)
    intents.push(...draftedIntents(copy.place.group, result, new Date(systemClock.now())))
  }
  const known = await knownUnderOtherIds(letters, results)
  const repeats = [...known].map(([{ place }, knownAs]) => ({ letter: letterHandle(place), knownAs }))
  return withForesight({ consumers: composeConsumers(config), read: database.sql }, async (foresee) =>
    previewOf([...results.values()], await foresee(intents), repeats),
  )
}

function conclusion(decided: Decision, count: number, requested: number): string {
  switch (decided) {
    case 'apply':
      return requested === count
        ? `Requested: a daemon of the group replays ${inWords(count)} within seconds ("dlq list --state requested" shows those that are left).`
        : `Requested: ${inWords(requested)}; the others were changed meanwhile.`
    case 'nothing':
      return 'Nothing that matches can be replayed.'
    case 'dry-run':
      return 'Dry run: nothing was changed.'
    case 'unconfirmed':
      return `Nothing was changed: add --confirm ${count} to request this replay.`
    case 'declined':
      return 'Nothing was changed.'
  }
}
