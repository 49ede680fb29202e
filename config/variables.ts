import { authorities, certificateFile, keyFile } from './file-kinds.ts'
import { networks } from './ip-networks.ts'
import type { Kind } from './variable-kind.ts'
import { hostPorts, mailbox, serverUrl, unsubscribeUrl, urlTemplate } from './network-kinds.ts'
import { integer, milliseconds, perSecond } from './number-kinds.ts'
import { anyText, matching, names, oneOf, secretText, startFrom, yesOrNo } from './text-kinds.ts'

/**
 * Every variable that the worker reads, once: the loader, `--check-config`, config/example.env, docs/reference/configuration.md,
 * the table of the README and the tests derive from here. A secret `X` may be given as the path of a file in `X_FILE` instead.
 */
export interface Variable<Value, Need extends 'required' | 'optional' | 'default' = 'required' | 'optional' | 'default'> {
  readonly kind: Kind<Value>
  readonly need: Need
  /** As text, read like the operator's own. */
  readonly default: string | null
  /** `url`: only the password in it is hidden. */
  readonly secret: 'whole' | 'url' | null
  readonly doc: string
}

const MILLION = 1_000_000

const kafka = {
  KAFKA_BROKERS: required(hostPorts, 'Brokers to ask first; the others are learned from them.'),
  KAFKA_SECURITY_PROTOCOL: withDefault(
    oneOf(['PLAINTEXT', 'SSL', 'SASL_SSL', 'SASL_PLAINTEXT']),
    'PLAINTEXT',
    'How the brokers are spoken to, in the words of Kafka; SSL means TLS, SASL a login.',
  ),
  KAFKA_SSL_CA_FILE: optional(certificateFile, 'Authorities that sign the certificates of the brokers; unset trusts the public ones.'),
  KAFKA_SSL_CERT_FILE: optional(
    certificateFile,
    'Our own certificate, for brokers that want one, with those between it and its authority.',
  ),
  KAFKA_SSL_KEY_FILE: optional(keyFile, 'Its key.'),
  KAFKA_SASL_MECHANISM: withDefault(
    oneOf(['SCRAM-SHA-512', 'SCRAM-SHA-256', 'PLAIN']),
    'SCRAM-SHA-512',
    'How the login goes; PLAIN sends the password itself and so only over TLS.',
  ),
  KAFKA_SASL_USERNAME: optional(anyText('a user name'), 'User of the brokers.'),
  KAFKA_SASL_PASSWORD: optional(anyText('a password'), 'Password of that user.', 'whole'),
  KAFKA_TOPIC: withDefault(
    matching(/^(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}$/, 'a topic name: letters, digits, dot, underscore and hyphen, at most 249'),
    'domain-events',
    'Topic of the domain events; `<topic>.<group>.dlq` are its dead-letter topics.',
  ),
  KAFKA_CLIENT_ID: withDefault(
    matching(/^[A-Za-z0-9._-]{1,100}$/, 'letters, digits, dot, underscore and hyphen, at most 100'),
    'kafka-worker',
    'Name of this program in the logs and quotas of the brokers.',
  ),
  KAFKA_WORKER_POOL_SIZE: withDefault(integer(1, 1000), '10', 'Concurrent workers per group; the leaderboard always has one.'),
  KAFKA_GROUPS: optional(names('names of consumer groups separated by commas'), 'Groups to run; unset runs all.'),
  KAFKA_GROUP_PREFIX: withDefault(
    matching(/^[A-Za-z0-9._-]{1,100}$/, 'letters, digits, dot, underscore and hyphen, at most 100'),
    '',
    'Put before the name of every group, for several installations on one cluster.',
  ),
  KAFKA_START_FROM: optional(
    startFrom,
    'Where a group begins that has never read the topic: earliest, latest, an RFC 3339 time, or committed to take over from another program at the offsets that Kafka has of the group. Needed when the topic already holds records.',
  ),
  KAFKA_SESSION_TIMEOUT_MS: withDefault(
    milliseconds(1000, 30 * 60_000),
    '30000',
    'A member that is silent for so long loses its partitions.',
  ),
  KAFKA_HEARTBEAT_INTERVAL_MS: withDefault(milliseconds(100), '3000', 'Between two heartbeats; at most a third of the session timeout.'),
}

const database = {
  DATABASE_URL: optional(
    serverUrl(['postgresql', 'postgres'], 'postgresql://user:password@db.example.com:5432/platform'),
    'PostgreSQL, with `sslmode` and the like as parameters. Wins over the PG variables, but for PGSSL ones where it says nothing of TLS.',
    'url',
  ),
  PGHOST: optional(anyText('a host name or the folder of a socket'), 'Host of PostgreSQL, when DATABASE_URL is not given.'),
  PGPORT: withDefault(integer(1, 65_535), '5432', 'Port of PostgreSQL.'),
  PGUSER: optional(anyText('a role name'), 'Role to connect as.'),
  PGPASSWORD: optional(anyText('a password'), 'Password of that role.', 'whole'),
  PGDATABASE: optional(anyText('a database name'), 'Database; unset takes the name of the role.'),
  PGSSLMODE: optional(
    oneOf(['disable', 'require', 'verify-ca', 'verify-full']),
    'TLS towards PostgreSQL; anything below verify-full does not ask who the server is, or not by name.',
  ),
  PGSSLROOTCERT: optional(authorities, 'Authorities that sign the certificate of PostgreSQL; unset trusts the public ones.'),
  PGSSLCERT: optional(certificateFile, 'Our own certificate, for a server that wants one.'),
  PGSSLKEY: optional(keyFile, 'Its key.'),
  PLATFORM_SCHEMA: withDefault(
    matching(
      /^(?!pg_|worker$|information_schema$)[A-Za-z_][A-Za-z0-9_-]{0,62}$/,
      "the platform's schema: letters, digits, underscore and hyphen",
    ),
    'public',
    "Schema of the platform's tables; the search_path of the role does not matter. Ours is always `worker`.",
  ),
  DATABASE_POOL_SIZE: withDefault(
    integer(1, 1000),
    '10',
    'Connections for deliveries; accepting events has its own, ACCEPT_CONCURRENCY per group.',
  ),
  DATABASE_STATEMENT_TIMEOUT_MS: withDefault(
    milliseconds(100),
    '30000',
    'Longest that one statement may run; a recalculation has LEADERBOARD_DEADLINE_MS.',
  ),
}

const accepting = {
  ACCEPT_CONCURRENCY: withDefault(integer(1, 100), '4', 'Chunks of one group that are accepted at once.'),
  ACCEPT_CHUNK_EVENTS: withDefault(integer(1, 10_000), '500', 'Most events in one accept transaction.'),
  ACCEPT_CHUNK_BYTES: withDefault(
    integer(1024, 64 * MILLION),
    '1048576',
    'Most bytes of records in one accept transaction; one larger record goes alone.',
  ),
  EVENT_MAX_BYTES: withDefault(integer(1024, 64 * MILLION), '1048576', 'A larger record is dead-lettered as too-large, unparsed.'),
  DEDUPE_DAYS: withDefault(
    integer(1, 3650),
    '90',
    'Days that outcomes and finished intents are kept; no less than the retention of the topic and 7 days.',
  ),
}

const mail = {
  SMTP_URL: optional(
    serverUrl(['smtp', 'smtps'], 'smtp://user:password@mail.example.com:587'),
    'Relay for all mail. Needed when a group runs that sends mail.',
    'url',
  ),
  SMTP_REQUIRE_TLS: optional(
    yesOrNo,
    'Whether nothing goes to the relay before TLS; unset means true when SMTP_URL holds a login for another machine, else TLS where offered.',
  ),
  SMTP_CA_FILE: optional(certificateFile, 'Authorities that sign the certificate of the relay; unset trusts the public ones.'),
  SMTP_MAX_CONNECTIONS: withDefault(integer(1, 1000), '10', 'Most connections to the relay.'),
  SMTP_CONNECT_DEADLINE_MS: withDefault(
    milliseconds(1000),
    '300000',
    'Longest that opening a connection to the relay may take: TCP, greeting, EHLO, TLS and login. Never longer than MAIL_DEADLINE_MS, within which a mail needs one.',
  ),
  MAIL_FROM: optional(mailbox, 'Sender of mails whose campaign names none.'),
  MAIL_DEADLINE_MS: withDefault(milliseconds(1000), '60000', 'Longest that handing one mail to the relay may take.'),
  MAIL_AMBIGUOUS: withDefault(
    oneOf(['retry', 'hold']),
    'retry',
    'A mail whose reply was lost: `retry` sends it once more under the same Message-ID, `hold` leaves it to the operator.',
  ),
  AMBIGUOUS_RETRY_MS: withDefault(milliseconds(0), '60000', 'Until such a mail is sent once more.'),
  MAIL_RATE_PER_SECOND: optional(perSecond, 'Most mails that this process hands to the relay in a second; unset: no limit.'),
  MAIL_DOMAIN_RATE_PER_SECOND: optional(perSecond, 'The same for the mails to any one domain of recipients; the others go on meanwhile.'),
  MAIL_MAX_EVENT_AGE_SECONDS: withDefault(
    integer(1, 3650 * 86_400),
    '604800',
    'An event that is older when it is first accepted mails nobody and delivers no reward: skipped as `stale`.',
  ),
  MAIL_ALLOWED_RECIPIENTS: optional(
    names('addresses separated by commas, with * for anything, such as *@example.com,qa-*@example.org'),
    'Mail goes to matching addresses only, the rest is skipped as `not-allowed`: for installations that must not reach real people.',
  ),
  UNSUBSCRIBE_URL_TEMPLATE: optional(
    unsubscribeUrl,
    'Where position and milestone mails are unsubscribed from, by one POST (RFC 8058); {user_id}, {campaign_id} and {signature} are filled in.',
  ),
  UNSUBSCRIBE_SECRET: optional(secretText, 'Key of {signature} in that URL: HMAC-SHA256 over the user id, in hex.', 'whole'),
  REFERRAL_LINK_TEMPLATE: optional(
    urlTemplate('referral_code', 'https://example.com/r/{referral_code}'),
    'Referral links of campaigns without a domain of their own.',
  ),
  POSITION_MAIL_MAX_WAIT_MS: withDefault(milliseconds(0), '300000', 'Longest that a position mail waits for its recalculation.'),
  BROADCAST_PAGE_SIZE: withDefault(integer(1, 10_000), '500', 'Recipients that one step of a broadcast adds.'),
  BROADCAST_MAX_PENDING: withDefault(integer(1, MILLION), '2000', 'The next step waits while more mails of the broadcast are unfinished.'),
}

const delivery = {
  WEBHOOK_DEADLINE_MS: withDefault(milliseconds(1000), '20000', 'Longest that one webhook request may take, reply included.'),
  WEBHOOK_ALLOW_CIDR: optional(networks, 'Private networks that webhooks may reach all the same; unset allows public addresses only.'),
  LEADERBOARD_SWEEP_MS: withDefault(milliseconds(100), '5000', 'Between two looks for leaderboards that changed without an event.'),
  LEADERBOARD_MAX_LAG_MS: withDefault(milliseconds(1000), '60000', 'The position group stops fetching while a due recalculation is older.'),
  LEADERBOARD_DEADLINE_MS: withDefault(milliseconds(1000), '120000', 'Longest that one recalculation may take.'),
  LEADERBOARD_HISTORY: withDefault(
    oneOf(['off', 'top', 'all']),
    'top',
    'Movements that a recalculation keeps for workerctl leaderboard explain: none, its hundred largest, or all.',
  ),
  LEADERBOARD_HISTORY_DAYS: withDefault(
    integer(1, 3650),
    '30',
    'Days that those movements are kept, but never longer than DEDUPE_DAYS and a day.',
  ),
  MISSING_ROW_WAIT_MS: withDefault(milliseconds(0), '300000', 'Longest that an effect waits for a row the platform has not committed yet.'),
  CAMPAIGN_PAUSED_RECHECK_MS: withDefault(
    milliseconds(100),
    '5000',
    'How soon it is noticed that a paused campaign goes on; one look for all its intents.',
  ),
  UPKEEP_INTERVAL_MS: withDefault(
    milliseconds(1000, 24 * 3_600_000),
    '300000',
    'Between two looks for what is older than DEDUPE_DAYS, which is then deleted; one process at a time does it.',
  ),
  LEASE_CHECK_MS: withDefault(milliseconds(100), '1000', 'Between two looks for claims whose lease is over.'),
}

const process = {
  HTTP_HOST: withDefault(
    anyText('a host name or address'),
    '0.0.0.0',
    'Address of /livez, /readyz and /metrics; all interfaces, as containers need it. 127.0.0.1 keeps them on this machine.',
  ),
  HTTP_PORT: withDefault(integer(0, 65_535), '9090', 'Port of the same; 0 takes any free one, and the log says which.'),
  HTTP_TOKEN: optional(secretText, 'Bearer token that POST /suppressions on this port asks for; unset: there is no such path.', 'whole'),
  LIVENESS_STALL_MS: withDefault(
    milliseconds(1000),
    '300000',
    'Longest that work may stand still beyond its own deadlines, waiting for nothing known, before /livez says no; more than a sick database adds to them.',
  ),
  BOOT_TIMEOUT_MS: withDefault(milliseconds(0), '60000', 'Longest that the start waits for brokers and database.'),
  SHUTDOWN_GRACE_MS: withDefault(milliseconds(0), '30000', 'Longest that a stop waits for running work; then the exit code is 2.'),
  LOG_LEVEL: withDefault(oneOf(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']), 'info', 'Least level that is logged.'),
}

/** The table in the order of the documentation. */
export const sections: readonly { readonly title: string; readonly variables: Readonly<Record<string, Variable<unknown>>> }[] = [
  { title: 'Kafka', variables: kafka },
  { title: 'Database', variables: database },
  { title: 'Accepting events', variables: accepting },
  { title: 'Mail', variables: mail },
  { title: 'Webhooks, leaderboards and waiting', variables: delivery },
  { title: 'Process', variables: process },
]

export const variables = { ...kafka, ...database, ...accepting, ...mail, ...delivery, ...process }

export type VariableName = keyof typeof variables

/** What each variable holds once all are read. */
export type Values = {
  readonly [Name in VariableName]: (typeof variables)[Name] extends Variable<infer Value, infer Need>
    ? 'optional' extends Need
      ? Value | undefined
      : Value
    : never
}

/** Every name that the worker reads, the `_FILE` forms included: what tests and the demo take out of an environment. */
export const variableNames: readonly string[] = Object.entries<Variable<unknown>>(variables).flatMap(([name, { secret }]) =>
  secret === null ? [name] : [name, `${name}_FILE`],
)

function required<Value>(kind: Kind<Value>, doc: string): Variable<Value, 'required'> {
  return { kind, need: 'required', default: null, secret: null, doc }
}

function optional<Value>(kind: Kind<Value>, doc: string, secret: 'whole' | 'url' | null = null): Variable<Value, 'optional'> {
  return { kind, need: 'optional', default: null, secret, doc }
}

function withDefault<Value>(kind: Kind<Value>, value: string, doc: string): Variable<Value, 'default'> {
  return { kind, need: 'default', default: value, secret: null, doc }
}
