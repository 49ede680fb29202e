import type { Command } from 'commander'

/** The options that say which intents a verb means; `intentFilter` reads them. */
export function addIntentFilter(command: Command): Command {
  return command
    .option('--state <states>', 'such as dead, or several separated by commas')
    .option('--reason <reasons>', 'such as no-endpoint (docs/reference/states.md lists them)')
    .option('--group <groups>', 'with KAFKA_GROUP_PREFIX or without')
    .option('--kind <kinds>', 'kinds, or types of mail: reward, welcome')
    .option('--destination <ids>', 'for this webhook endpoint (its id in webhooks)')
    .option('--campaign <uuid>', 'of this campaign')
    .option('--user <uuid>', 'for this person')
    .option('--event <uuid>', 'because of this event')
}
