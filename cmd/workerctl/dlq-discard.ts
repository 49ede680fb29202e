import type { Command } from 'commander'
import type { TypedLetterFilter } from '../../src/admin/dead-letters/letter-filter.ts'
import { letterHandle } from '../../src/admin/dead-letters/letter-handle.ts'
import { letters as inWords } from '../../src/admin/dead-letters/replay-preview.ts'
import { requireShowable } from '../../src/admin/showable-text.ts'
import { changedMeanwhile, decide } from './decide.ts'
import { addLetterFilter, placeOf, withLetters } from './dlq-context.ts'
import { isConfirmed, selectLetters } from './dlq-select.ts'
import { renderJson } from './render-json.ts'
import type { Terminal } from './terminal.ts'
import { wholeNumber } from './whole-number.ts'

interface Options extends TypedLetterFilter {
  readonly owner: string
  readonly because: string
  readonly limit: number
  readonly confirm?: number
  readonly dryRun?: boolean
  readonly json?: boolean
}

const HELP = `
Discarded letters stay on record and on their topic, and are no longer listed or counted; "dlq list --state discarded" shows them. A requested replay
that no daemon has begun is withdrawn. A discarded letter that is named can still be replayed.

Examples:
  npm run workerctl -- dlq discard email-workers/3/4711 --owner ada --because "a test record"
  npm run workerctl -- dlq discard --fingerprint 0123456789ab --owner ada --because "the importer repeats them" --confirm 12`

export function addDlqDiscard(parent: Command, terminal: Terminal): void {
  addLetterFilter(parent.command('discard').argument('[letter...]', 'names as shown by "dlq list"'))
    .description('decide that nothing is to be done about dead letters')
    .requiredOption('--owner <name>', 'who decides it; kept with each letter')
    .requiredOption('--because <text>', 'why; kept with each letter')
    .option('--limit <count>', 'refuse the change when more match', wholeNumber(1, 100_000), 1_000)
    .option('--confirm <count>', 'discard them, if they are so many', wholeNumber(1, 100_000))
    .option('--dry-run', 'show the plan without applying it')
    .option('--json', 'print one JSON object; never prompts')
    .addHelpText('after', HELP)
    .action(async (named: string[], options: Options) => {
      const act = { owner: requireShowable('--owner', options.owner), because: requireShowable('--because', options.because) }
      await withLetters(terminal, { filter: options, letters: named }, async (letters) => {
        const records = await selectLetters(letters, named, options, ['open', 'requested'])
        const isJson = options.json === true
        if (!isJson)
          terminal.out(records.length === 0 ? 'Nothing that matches can be discarded.' : `${inWords(records.length)} will be discarded.`)
        const decided = await decide(records.length > 0, { ...options, yes: isConfirmed(options.confirm, records.length) }, terminal)
        const discarded = decided === 'apply' ? await letters.admin.discard(records.map(placeOf), act) : 0
        if (isJson) terminal.out(renderJson({ count: records.length, applied: discarded > 0, discarded }))
        const [first] = records
        if (decided === 'apply' && discarded === 0 && first !== undefined)
          throw changedMeanwhile(inWords(records.length), `dlq show ${letterHandle(first)}`)
        if (isJson) return
        if (decided === 'apply')
          terminal.out(`Discarded: ${inWords(discarded)}${discarded === records.length ? '' : '; the others were changed meanwhile'}.`)
        else if (decided === 'unconfirmed') terminal.out(`Nothing was changed: add --confirm ${records.length} to discard them.`)
        else if (decided !== 'nothing') terminal.out(decided === 'dry-run' ? 'Dry run: nothing was changed.' : 'Nothing was changed.')
      })
    })
}
