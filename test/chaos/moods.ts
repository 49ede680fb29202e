import type { Random } from '../../cmd/demo/random.ts'
import type { SmtpRespond } from '../../stack/smtp-sink.ts'
import type { WebhookRespond } from '../../stack/webhook-sink.ts'

/** Which part of what they are asked goes wrong, so that some of it still works. */
const SHARE = 0.3

/** How a relay may be unwell; none refuses a recipient for good, because that ends a mail. */
export const relayMoods: Readonly<Record<string, (random: Random) => SmtpRespond>> = {
  'it answers 421 and hangs up': (random) => (stage) =>
    random.next() < SHARE / 3 && stage !== 'body' ? { code: 421, drop: true } : undefined,
  'it answers 451 to recipients and mails': (random) => (stage) =>
    (stage === 'rcpt' || stage === 'data') && random.next() < SHARE ? { code: 451 } : undefined,
  'it hangs up at any stage': (random) => () => (random.next() < SHARE / 3 ? { drop: true } : undefined),
  'it hangs up after the final dot': (random) => (stage) => (stage === 'data' && random.next() < SHARE ? { drop: true } : undefined),
  'it hangs up after its 250': (random) => (stage) => (stage === 'data' && random.next() < SHARE ? { code: 250, drop: true } : undefined),
}

/** How a receiver of webhooks may be unwell; none is gone for good. */
export const receiverMoods: Readonly<Record<string, (random: Random) => WebhookRespond>> = {
  'it answers 500': (random) => () => (random.next() < SHARE ? { status: 500 } : undefined),
  'it answers 503 and says when': (random) => () => (random.next() < SHARE ? { status: 503, headers: { 'retry-after': '1' } } : undefined),
  'it answers 429': (random) => () => (random.next() < SHARE ? { status: 429 } : undefined),
  'it hangs up without an answer': (random) => () => (random.next() < SHARE ? { drop: true } : undefined),
  'it answers late': (random) => () => (random.next() < SHARE ? { delayMs: 5_000 } : undefined),
}
