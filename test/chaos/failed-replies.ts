import type { Random } from '../../cmd/demo/random.ts'
import type { SmtpRespond } from '../../stack/smtp-sink.ts'
import type { WebhookRespond } from '../../stack/webhook-sink.ts'

/** The share of requests that fail; the others still work. */
const SHARE = 0.3

/** Failures of a relay; none rejects a recipient permanently, because that ends a mail. */
export const relayFailures: Readonly<Record<string, (random: Random) => SmtpRespond>> = {
  '421, then the connection is closed': (random) => (stage) =>
    random.next() < SHARE / 3 && stage !== 'body' ? { code: 421, drop: true } : undefined,
  '451 to recipients and mails': (random) => (stage) =>
    (stage === 'rcpt' || stage === 'data') && random.next() < SHARE ? { code: 451 } : undefined,
  'connection closed at any stage': (random) => () => (random.next() < SHARE / 3 ? { drop: true } : undefined),
  'connection closed after the final dot': (random) => (stage) => (stage === 'data' && random.next() < SHARE ? { drop: true } : undefined),
  'connection closed after the 250': (random) => (stage) =>
    stage === 'data' && random.next() < SHARE ? { code: 250, drop: true } : undefined,
}

/** Failures of a webhook receiver; none is permanent. */
export const receiverFailures: Readonly<Record<string, (random: Random) => WebhookRespond>> = {
  'status 500': (random) => () => (random.next() < SHARE ? { status: 500 } : undefined),
  'status 503 with Retry-After': (random) => () => (random.next() < SHARE ? { status: 503, headers: { 'retry-after': '1' } } : undefined),
  'status 429': (random) => () => (random.next() < SHARE ? { status: 429 } : undefined),
  'connection closed without a reply': (random) => () => (random.next() < SHARE ? { drop: true } : undefined),
  'late reply': (random) => () => (random.next() < SHARE ? { delayMs: 5_000 } : undefined),
}
