import type { Config } from '../../../config/load.ts'
import type { Channels } from '../../delivery/define-channel.ts'
import type { MailRelay } from '../../delivery/email/mail-relay.ts'
import { createAddressGuard } from '../../infra/http/address-guard.ts'
import { createWebhookClient } from '../../infra/http/undici-webhook-client.ts'
import { SmtpRelay } from '../../infra/mail/smtp/smtp-relay.ts'
import { parseSmtpUrl } from '../../infra/mail/smtp/smtp-url.ts'
import { createTemplateEngine } from '../../infra/mail/templates/template-engine.ts'
import type { Leaderboard } from '../../leaderboard/leaderboard.ts'
import type { Observe } from '../../model/fact.ts'
import type { Clock } from '../../std/clock.ts'
import type { Sql } from '../../std/sql.ts'
import { channelList, type Parts } from './channels.ts'

export interface ComposedChannels {
  readonly channels: Channels
  /** Null where no group of this process sends mail. */
  readonly relay: MailRelay | null
  /** Closes the connections to the relay and endpoints, and stops the thread that compiles templates. */
  close(): Promise<void>
}

/** Creates the channels with their clients. */
export function composeChannels(config: Config, sql: Sql, leaderboard: Leaderboard, clock: Clock, observe: Observe): ComposedChannels {
  const { mail } = config
  const relay =
    mail.smtpUrl === undefined
      ? null
      : new SmtpRelay({
          server: parseSmtpUrl(mail.smtpUrl, mail),
          maxConnections: mail.maxConnections,
          sendDeadlineMs: mail.deadlineMs,
          connectDeadlineMs: mail.connectDeadlineMs,
        })
  const templates = createTemplateEngine({
    onUnknownVariable: ({ template, variable }) => observe({ is: 'template-unknown-variable', template, variable }),
  })
  const client = createWebhookClient({ guard: createAddressGuard({ allowCidr: config.webhook.allowCidr }) })
  const parts: Parts = { config, relay, templates, client, sql, leaderboard, clock, observe }
  const created = Object.values(channelList).map((channel) => [channel.name, channel.create(parts)] as const)
  return {
    relay,
    // The list has every name, which `fromEntries` cannot say.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    channels: Object.fromEntries(created) as unknown as Channels,
    close: async () => {
      await Promise.allSettled([relay?.close(), client.stop(), templates.close()])
    },
  }
}
