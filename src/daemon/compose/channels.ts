import type { Config } from '../../../config/load.ts'
import type { ChannelWords } from '../../admin/lag/lag-ports.ts'
import { broadcastChannel } from '../../delivery/broadcast/broadcast-channel.ts'
import type { Channel, ChannelDefinition, ChannelDefinitions, DefinedChannel } from '../../delivery/define-channel.ts'
import { emailChannel, RELAY } from '../../delivery/email/email-channel.ts'
import { createMailRates } from '../../delivery/email/mail-rates.ts'
import { noRelay, type MailRelay } from '../../delivery/email/mail-relay.ts'
import type { TemplateEngine } from '../../delivery/email/mail-template.ts'
import { leaderboardChannel } from '../../leaderboard/leaderboard-channel.ts'
import type { Leaderboard } from '../../leaderboard/leaderboard.ts'
import { webhookChannel } from '../../delivery/webhook/webhook-channel.ts'
import type { WebhookClient } from '../../delivery/webhook/webhook-client.ts'
import { mimeComposer } from '../../infra/mail/mime/mime-composer.ts'
import { createTemplateVersions } from '../../infra/postgres/intents/postgres-template-versions.ts'
import type { Clock } from '../../std/clock.ts'
import type { Sql } from '../../std/sql.ts'
import type { Observe } from '../../model/fact.ts'
import type { ChannelName, Messages } from '../../model/messages.ts'

/** One page of a broadcast is a statement or two. */
const BROADCAST_DEADLINE_MS = 30_000

/**
 * Every channel, a line each: its definition, and what its `create` needs. Counts in SQL, breakers and metric labels derive from it.
 * A channel that declares its message and is missing here does not compile. Their open resources, such as connections to the relay, belong
 * to `composeChannels`: `workerctl` reads the list as well.
 */
export const channelList: ChannelList = {
  email: listed(emailChannel, ({ config: { mail }, relay, templates, sql, clock }) => ({
    relay: relay ?? noRelay,
    maxConnections: mail.maxConnections,
    rates: createMailRates({ perSecond: mail.ratePerSecond, perDomainPerSecond: mail.domainRatePerSecond, clock }),
    templates,
    versions: createTemplateVersions(sql, () => clock.monotonic()),
    mime: mimeComposer,
    mailFrom: mail.from ?? null,
    deadlineMs: mail.deadlineMs,
    clock,
  })),
  webhook: listed(webhookChannel, ({ config, client, clock }) => ({
    client,
    deadlineMs: config.webhook.deadlineMs,
    clock,
  })),
  leaderboard: listed(leaderboardChannel, ({ config, leaderboard, clock, observe }) => ({
    leaderboard,
    deadlineMs: config.leaderboard.deadlineMs,
    maxLagMs: config.leaderboard.maxLagMs,
    clock,
    report: (recalculation) => observe({ is: 'recalculated', ...recalculation }),
    reportTooSlow: (run) => observe({ is: 'recalculation-too-slow', ...run }),
  })),
  broadcast: listed(broadcastChannel, ({ config }) => ({ deadlineMs: BROADCAST_DEADLINE_MS, ...config.broadcast })),
}

/** The names of all channels. */
export const channelNames: readonly ChannelName[] = Object.values(channelList).map(({ name }) => name)

/** Whether deliveries of the channel go to the relay, so that its groups need one. */
export function goesToRelay(channel: ChannelName, definitions: ChannelDefinitions = channelList): boolean {
  return definitions[channel].destinations?.sole === RELAY
}

/** Those whose intents are mails. */
export const mailChannels: readonly ChannelName[] = channelNames.filter((name) => goesToRelay(name))

/** Those whose destinations have breakers. */
export const channelsWithBreakers: readonly ChannelName[] = Object.values(channelList).flatMap(({ name, destinations }) =>
  destinations === null ? [] : [name],
)

/** The channels as sentences about lag need them. */
export const channelWords: readonly ChannelWords[] = Object.values(channelList).map(({ name, destinations }) =>
  destinations === null
    ? { name, sole: null, destination: name, deliveries: name, isSerial: true }
    : { name, sole: destinations.sole, ...destinations.names, isSerial: false },
)

type ChannelList = { readonly [Name in ChannelName]: ListedChannel<Name> }

type ListedChannel<Name extends ChannelName> = ChannelDefinition<Name> & {
  create(parts: Parts): Channel<Messages[Name]>
}

/** What channels are made of. */
export interface Parts {
  readonly config: Config
  readonly relay: MailRelay | null
  readonly templates: TemplateEngine
  readonly client: WebhookClient
  readonly sql: Sql
  readonly leaderboard: Leaderboard
  readonly clock: Clock
  readonly observe: Observe
}

function listed<Name extends ChannelName, Options>(
  channel: DefinedChannel<Name, Options>,
  optionsOf: (parts: Parts) => Options,
): ListedChannel<Name> {
  return { ...channel, create: (parts) => channel.create(optionsOf(parts)) }
}
