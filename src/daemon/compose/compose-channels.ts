import type { Config } from '../../../config/load.ts'
import { createBroadcastChannel } from '../../delivery/broadcast/broadcast-channel.ts'
import type { Channels } from '../../delivery/channels.ts'
import { createEmailChannel } from '../../delivery/email/email-channel.ts'
import { createMailRates } from '../../delivery/email/mail-rates.ts'
import type { MailRelay } from '../../delivery/email/mail-relay.ts'
import { noRelay } from '../../delivery/email/no-relay.ts'
import { createLeaderboardChannel } from '../../leaderboard/leaderboard-channel.ts'
import type { Leaderboard } from '../../leaderboard/leaderboard.ts'
import { createWebhookChannel } from '../../delivery/webhook/webhook-channel.ts'
import { createAddressGuard } from '../../infra/http/address-guard.ts'
import { createWebhookClient } from '../../infra/http/undici-webhook-client.ts'
import { mimeComposer } from '../../infra/mail/smtp/mime-composer.ts'
import { SmtpRelay } from '../../infra/mail/smtp/smtp-relay.ts'
import { parseSmtpUrl } from '../../infra/mail/smtp/smtp-url.ts'
import { createTemplateEngine } from '../../infra/mail/templates/template-engine.ts'
import type { Clock } from '../../std/clock.ts'
import type { Observe } from '../../model/fact.ts'

/** One page of a broadcast is a statement or two. */
const BROADCAST_DEADLINE_MS = 30_000

export interface ComposedChannels {
  readonly channels: Channels
  /** Null where no group of this process sends mail. */
  readonly relay: MailRelay | null
  /** Closes the connections to the relay and endpoints, and stops the thread that compiles templates. */
  close(): Promise<void>
}

/** Creates the channels with their clients. */
export function composeChannels(config: Config, leaderboard: Leaderboard, clock: Clock, observe: Observe): ComposedChannels {
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
  return {
    relay,
    channels: {
      email: createEmailChannel({
        relay: relay ?? noRelay,
        rates: createMailRates({ perSecond: mail.ratePerSecond, perDomainPerSecond: mail.domainRatePerSecond, clock }),
        templates,
        mime: mimeComposer,
        ledger: 'email_logs',
        mailFrom: mail.from ?? null,
        deadlineMs: mail.deadlineMs,
        clock,
      }),
      webhook: createWebhookChannel({ client, ledger: 'webhook_deliveries', deadlineMs: config.webhook.deadlineMs, clock }),
      leaderboard: createLeaderboardChannel({
        leaderboard,
        deadlineMs: config.leaderboard.deadlineMs,
        clock,
        report: (recalculation) => observe({ is: 'recalculated', ...recalculation }),
        reportTooSlow: (run) => observe({ is: 'recalculation-too-slow', ...run }),
      }),
      broadcast: createBroadcastChannel({ deadlineMs: BROADCAST_DEADLINE_MS, ...config.broadcast }),
    },
    close: async () => {
      await Promise.allSettled([relay?.close(), client.stop(), templates.close()])
    },
  }
}
