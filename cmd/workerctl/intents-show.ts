import type { Command } from 'commander'
import { channelList } from '../../src/daemon/compose/channels.ts'
import { createIntentAdmin } from '../../src/infra/postgres/admin/postgres-intent-admin.ts'
import { activePauses } from '../../src/infra/postgres/admin/postgres-pause-admin.ts'
import { checkSchema } from '../../src/infra/postgres/schema/schema-check.ts'
import { intentFilter } from '../../src/admin/intents/intent-filter.ts'
import { historySentences } from '../../src/admin/intents/intent-history.ts'
import { pausedClause, pauseOfIntent } from '../../src/admin/pauses/pause-clause.ts'
import { OperatorError } from '../../src/std/failure.ts'
import { configure, withDatabase } from './connections.ts'
import { renderJson } from './render-json.ts'
import type { Terminal } from './terminal.ts'

const HELP = `
Examples:
  npm run workerctl -- intents show 4711
  npm run -s workerctl -- intents show 4711 --json`

export function addIntentsShow(parent: Command, terminal: Terminal): void {
  parent
    .command('show')
    .argument('<id>', 'id as shown by "intents list"')
    .description('show the history of an intent: its event, its states, its row in a delivery log')
    .option('--json', 'print one JSON object')
    .addHelpText('after', HELP)
    .action(async (id: string, options: { readonly json?: boolean }) => {
      const { config, groups } = configure(terminal)
      intentFilter({}, [id], groups)
      const { history, pauses } = await withDatabase(config, async (database) => {
        await checkSchema(database.sql)
        const found = await createIntentAdmin(database, channelList).history(id)
        return { history: found, pauses: await activePauses(database.sql) }
      })
      if (history === null) {
        throw new OperatorError(
          `There is no intent ${id}: it never existed, or it finished more than DEDUPE_DAYS=${config.accept.dedupeDays} days ago and was deleted.`,
        )
      }
      const pause = pauseOfIntent(pauses, { ...history, eventType: history.outcome?.type ?? null })
      if (options.json === true) return terminal.out(renderJson({ ...history, pause }))
      for (const sentence of historySentences(history)) terminal.out(sentence)
      if (pause !== null) terminal.out(`It waits: ${pausedClause(pause)}.`)
    })
}
