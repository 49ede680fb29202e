/** A reason in words: a clause that follows a colon, and the fix as a clause of its own; null where the state alone decides what to do. */
export interface ReasonSentence {
  readonly because: string
  readonly fix: string | null
}

/**
 * Every reason of an intent (docs/reference/states.md) as a support person repeats it. `{intent}` and `{user}` stand for
 * ids, `{since}` for when.
 */
export const reasonSentences: Readonly<Record<string, ReasonSentence>> = {
  ...reasons(null, {
    aborted: 'the daemon stopped during the attempt',
    'awaiting-recalculation': 'the leaderboard has not recalculated the new position yet',
    'awaiting-row': 'the platform has not committed the row that the event names',
    'campaign-locked': 'another recalculation, an audit or a backfill of the campaign is running',
    'client-error': 'the endpoint answered 4xx',
    'connection-lost': 'the connection was lost before the end of the message',
    'domain-rate': "the rate limit for the recipient's domain (MAIL_DOMAIN_RATE_PER_SECOND) is reached",
    'endpoint-busy': 'its webhook endpoint has as many deliveries under way as it may have',
    'lease-over': 'the process that was sending it is gone',
    'mailbox-unavailable': 'the mailbox is full or disabled',
    'message-deferred': 'the relay deferred the message',
    'next-page': 'the broadcast is between two pages',
    'page-pending': 'the broadcast waits until enough of its mails are sent',
    'replay-waiting': 'it waits for its turn in a replay, which begins slowly',
    'protocol-error': 'the relay broke the protocol',
    'recipient-deferred': 'the relay deferred the recipient',
    'relay-busy': 'the relay is busy',
    'relay-rate': 'the rate limit of all mails (MAIL_RATE_PER_SECOND) is reached',
    'second-pass': 'the broadcast checks everybody once more',
    'server-error': 'the endpoint answered 5xx',
    stopped: 'the daemon stopped during the attempt',
    'template-version-unread': 'the database did not answer for the template',
    timeout: 'the endpoint did not answer in time',
    'timeout-body': 'the relay stopped reading the message',
    'timeout-data': 'the relay did not answer DATA in time',
    'timeout-final-reply': 'the relay received the mail and did not confirm it in time',
    'timeout-mail': 'the relay did not answer MAIL in time',
    'timeout-rcpt': 'the relay did not answer RCPT in time',
    'too-many-requests': 'the endpoint requires fewer requests (429)',
    undeliverable: 'the relay knows no route to the mailbox',
  }),
  ...reasons('the owner of the endpoint must fix it; workerctl intents retry {intent} --yes sends it again', {
    'connection-refused': 'the endpoint refuses connections',
    'endpoint-open': 'its webhook endpoint is away',
    'endpoint-unavailable': 'its webhook endpoint was away for longer than all retries take',
    gone: 'the endpoint answered 410, which ends all deliveries to it',
    'invalid-secret': 'the secret of the endpoint is unusable',
    'no-endpoint': "no active endpoint of the campaign or its account has the reward's webhook_url",
    redirected: 'the endpoint redirects, which is not followed',
    'tls-failed': 'the TLS connection to the endpoint fails',
    unavailable: 'the endpoint answered 502, 503 or 504',
    'unreadable-reply': 'the endpoint answers in no readable HTTP',
    unresolved: "the endpoint's host name cannot be resolved",
    'url-refused': "the endpoint's URL is unusable",
  }),
  ...reasons('workerctl intents retry {intent} --yes sends it once that has changed', {
    'account-canceled': 'the account is cancelled',
    'account-suspended': 'the account is suspended',
    'campaign-deleted': 'the campaign is deleted',
    'campaign-draft': 'the campaign is a draft',
    'person-blocked': 'the person is blocked',
    'person-deleted': 'the person is deleted',
    'person-removed': 'the person was removed from the campaign',
    'reward-changed': 'the reward changed while its delivery was prepared',
    'reward-expired': 'the reward has expired',
  }),
  ...reasons(null, {
    'by-operator': 'an operator decided so (workerctl intents cancel or mark-sent)',
    forgotten: 'the data of the person was erased (workerctl forget)',
    'position-not-recalculated': 'the leaderboard did not recalculate in time, so the mail names the position before',
    'reward-delivered': 'the reward was delivered already',
    'reward-redeemed': 'the reward is redeemed already',
    'reward-revoked': 'the reward was revoked',
  }),
  ...reasons('check the address with the person, and correct it in waitlist_users', {
    'invalid-address': 'the address is no valid mail address',
    'recipient-refused': 'the relay says that the mailbox does not exist (hard bounce)',
    'smtputf8-unsupported': 'the relay supports no address beyond ASCII',
  }),
  ...reasons('fix it at the relay or in the settings of the sender; workerctl intents retry {intent} --yes sends it again', {
    'message-refused': 'the relay refused the message',
    'no-sender': 'the campaign names no sender and MAIL_FROM is not set',
    'refused-by-policy': 'the relay refused it by its policy',
    'refused-unclear': 'the relay refused it without a reason',
    'relay-credentials-refused': 'the relay refuses the login',
    'relay-refuses-us': 'the relay refuses this sender (relaying, HELO or a block list)',
    'sender-refused': 'the relay refused the sender',
  }),
  ...reasons('fix the template of the campaign; workerctl intents retry {intent} --yes sends it again', {
    'template-error': 'the template of the campaign is invalid',
    'template-too-costly': 'the template of the campaign takes too long to compile',
    'template-version-missing': 'the template that it was composed with is gone',
  }),
  ...reasons('see the log of the daemon, line "settled"', {
    'channel-error': 'a bug in the worker prevented it',
    'end-refused': "it was done, but the platform's table refused the row that says so",
    'no-event': 'this build does not understand the row',
    'not-composed': 'this build cannot read what the mail was made of',
    'prepare-failed': 'reading what it needs fails',
    'recalculation-too-slow': 'no recalculation of the campaign ends in time (LEADERBOARD_DEADLINE_MS)',
    'rows-locked': "another session has locked the participants' rows",
    'start-failed': 'the database failed before anything was sent',
    'start-refused': "the platform's table refused the row of the attempt",
    'template-compiler-unavailable': 'the thread that compiles templates could not be started',
    'unknown-delivery-method': 'this build does not know the delivery method of the reward',
    'unknown-kind': 'no running process knows this kind and version',
    'unknown-mail': 'this build does not know the mail',
  }),
  paused: {
    because: 'an operator has paused its campaign, endpoint or event type',
    fix: 'workerctl pause list shows who, why and until when',
  },
  'replay-cap': {
    because: 'a replay has sent the person as many mails as it may within a day',
    fix: 'a replay on another day sends it',
  },
  'address-refused': {
    because: 'the endpoint has a private address',
    fix: 'WEBHOOK_ALLOW_CIDR allows it; workerctl intents retry {intent} --yes sends it again',
  },
  'campaign-paused': { because: 'the campaign is paused', fix: 'it goes out once the campaign is active again' },
  manual: { because: "the reward's delivery_method leaves it to a human", fix: 'deliver it by hand' },
  'not-allowed': {
    because: 'the address is not among MAIL_ALLOWED_RECIPIENTS',
    fix: 'that is meant on staging; elsewhere unset the variable',
  },
  'not-found': {
    because: 'the row that the event names never appeared in the database',
    fix: 'once it exists, workerctl intents retry {intent} --yes sends it',
  },
  stale: {
    because: 'the event was older than MAIL_MAX_EVENT_AGE_SECONDS when it was first accepted',
    fix: 'workerctl intents retry {intent} --yes does not lift the age limit: raise it, or write by hand',
  },
  'suppressed-bounced': {
    because: 'the address was suppressed {since} (hard bounce)',
    fix: 'workerctl suppressions remove --user {user} --reason bounced lifts it, then workerctl intents retry {intent} --yes sends the mail',
  },
  'suppressed-unsubscribed': {
    because: 'the person unsubscribed {since} from mails that answer no action of their own',
    fix: 'only the person may change that; workerctl suppressions remove --user {user} --reason unsubscribed records it',
  },
}

function reasons(fix: string | null, because: Readonly<Record<string, string>>): Record<string, ReasonSentence> {
  return Object.fromEntries(Object.entries(because).map(([reason, clause]) => [reason, { because: clause, fix }]))
}

/** The sentence of a reason; of one that only a consumer of one's own gives, the word itself. */
export function reasonSentence(reason: string): ReasonSentence {
  const known = reasonSentences[reason]
  if (known !== undefined) return known
  if (reason.startsWith('sqlstate-'))
    return { because: `the database ended it with ${reason.slice(9)}`, fix: 'it is tried again after a second' }
  return { because: `its consumer says ${reason}`, fix: 'see the code of the consumer' }
}
