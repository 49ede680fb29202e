import type { Command } from 'commander'
import type { Config } from '../../config/load.ts'
import { eventTopics } from '../../src/catalogue/event-topics.ts'
import { events } from '../../src/events/catalogue/events.ts'
import { findGroup } from '../../src/admin/operator-group.ts'
import {
  aclCommands,
  inWords,
  rightsOfGroup,
  rightsOfOperator,
  rightsOfPublisher,
  type Grant,
} from '../../src/admin/topics/topic-rights.ts'
import { OperatorError } from '../../src/std/failure.ts'
import { configure } from './connections.ts'
import { renderJson } from './render-json.ts'
import type { Terminal } from './terminal.ts'

interface Options {
  readonly group?: string
  readonly principal?: string
  readonly publisher: string
  readonly operator?: string
  readonly json?: boolean
}

const HELP = `
Prints the fewest ACLs with which brokers that authorize let a daemon run each group, and a publisher send events, as commands of
Kafka's own tool: an administrator runs them, with --command-config where the listener wants a login. Nothing is connected or changed.
The groups are those that run by default or are named in KAFKA_GROUPS; a daemon that runs some of them needs the ACLs of those only.

A principal is User: and the user name of the login; with a client certificate and no login, User: and the subject of the certificate,
such as User:CN=worker,O=Example. "reconcile --publish" publishes: its user needs the ACLs of a publisher. Daemons publish what the platform
writes to worker.outbox; where it writes nothing there, set OUTBOX_RELAY=false and leave these out. "topics" needs other rights
(docs/guide/workerctl.md).

"dlq", "replay plan" and "replay run" read records as the user who runs them, and so does "catalogue rehearse". The last lines name
the rights of this user; --operator prints them as commands, too. With --group they are without those of "catalogue rehearse".

Examples:
  npm run -s workerctl -- topics acls --principal User:worker --publisher User:platform
  npm run -s workerctl -- topics acls --group email-workers --principal User:worker
  npm run -s workerctl -- topics acls --principal User:worker --operator User:operator
  npm run -s workerctl -- topics acls --principal User:worker --json`

const titles = {
  group: 'group',
  relay: 'relay of worker.outbox, in every daemon unless OUTBOX_RELAY is false',
  publisher: 'publishers of events',
  operator: 'operators, for dlq and replays',
} as const

export function addTopicsAcls(parent: Command, terminal: Terminal): void {
  parent
    .command('acls')
    .description('print the least rights that each group and a publisher need; changes nothing')
    .option('--group <group>', 'only this group, with or without KAFKA_GROUP_PREFIX')
    .option('--principal <principal>', 'who runs the groups (default: User: and KAFKA_SASL_USERNAME)')
    .option('--publisher <principal>', 'who publishes', 'User:publisher')
    .option('--operator <principal>', 'who reads records by workerctl: prints the commands in place of a remark')
    .option('--json', 'print one JSON object')
    .addHelpText('after', HELP)
    .action((options: Options) => {
      const { config, groups } = configure(terminal)
      const { kafka } = config
      const principal = checked('--principal', options.principal ?? defaultPrincipal(kafka.sasl))
      const chosen = options.group === undefined ? groups.filter(({ enabled }) => enabled) : [findGroup(groups, options.group)]
      const grants: Grant[] = chosen.map((group) => ({ role: 'group', group: group.id, principal, rights: rightsOfGroup(group) }))
      if (options.group === undefined) {
        const topics = eventTopics(events, kafka.topic).map(({ name }) => name)
        const rights = rightsOfPublisher(topics)
        if (config.outbox.relay) grants.push({ role: 'relay', group: null, principal, rights })
        grants.push({ role: 'publisher', group: null, principal: checked('--publisher', options.publisher), rights })
      }
      const ofOperator = rightsOfOperator(chosen, { groupPrefix: kafka.groupPrefix, rehearses: options.group === undefined })
      if (options.operator !== undefined) {
        grants.push({ role: 'operator', group: null, principal: checked('--operator', options.operator), rights: ofOperator })
      }
      if (options.json === true) return terminal.out(renderJson({ grants }))
      for (const grant of grants) {
        terminal.out(`# ${titles[grant.role]}${grant.group === null ? '' : ` ${grant.group}`}`)
        for (const command of aclCommands(grant, kafka.brokers)) terminal.out(command)
      }
      if (options.operator !== undefined) return
      terminal.out('# Who runs dlq, replay plan or replay run as another user needs (--operator prints the commands):')
      for (const right of ofOperator) terminal.out(`# - ${inWords(right)}`)
    })
}

function defaultPrincipal(sasl: Config['kafka']['sasl']): string {
  if (sasl !== undefined && 'username' in sasl) return `User:${sasl.username}`
  throw new OperatorError('KAFKA_SASL_USERNAME is not set: name the user that runs the groups by --principal, such as User:worker.')
}

function checked(option: string, principal: string): string {
  if (/^[A-Za-z]+:\S/.test(principal)) return principal
  throw new OperatorError(`${option} is "${principal}", which is no principal: give a type and a name, such as User:worker.`)
}
