import { authorities, certificateFile, keyFile } from './file-kinds.ts'
import { networks } from './ip-networks.ts'
import { kafka } from './kafka-variables.ts'
import { mailbox, serverUrl, unsubscribeUrl, urlTemplate } from './network-kinds.ts'
import { integer, milliseconds, perSecond, processCount } from './number-kinds.ts'
import { anyText, matching, names, oneOf, secretText, yesOrNo } from './text-kinds.ts'
import { tracing } from './tracing-variables.ts'
import { optional, withDefault, type Variable } from './variable.ts'
import { DAY_MS } from '../src/std/day.ts'

const MILLION = 1_000_000

const database = {
  DATABASE_URL: optional(
    serverUrl(['postgresql', 'postgres'], 'postgresql://user:password@db.example.com:5432/platform'),
    'PostgreSQL, with TLS parameters such as `sslmode`. Takes precedence over the PG variables; the PGSSL variables apply where the URL does not mention TLS.',
    'url',
  ),
  PGHOST: optional(anyText('a host name or the folder of a socket'), 'Host of PostgreSQL, when DATABASE_URL is not set.'),
  PGPORT: withDefault(integer(1, 65_535), '5432', 'Port of PostgreSQL.'),
  PGUSER: optional(anyText('a role name'), 'Role to connect as.'),
  PGPASSWORD: optional(anyText('a password'), 'Password of that role.', 'whole'),
  PGDATABASE: optional(anyText('a database name'), 'Database; unset means the name of the role.'),
  PGSSLMODE: optional(
    oneOf(['disable', 'require', 'verify-ca', 'verify-full']),
    'TLS towards PostgreSQL; only verify-full verifies both the certificate and the name of the server.',
  ),
  PGSSLROOTCERT: optional(authorities, 'CA certificates that verify PostgreSQL; unset trusts the public authorities.'),
  PGSSLCERT: optional(certificateFile, 'Client certificate for a server that requires one.'),
  PGSSLKEY: optional(keyFile, 'Private key of the client certificate.'),
  PLATFORM_SCHEMA: withDefault(
    matching(
      /^(?!pg_|worker$|information_schema$)[A-Za-z_][A-Za-z0-9_-]{0,62}$/,
      "the platform's schema: letters, digits, underscore and hyphen",
    ),
    'public',
    "Schema of the platform's tables; the search_path of the role has no effect. The worker's own schema is always `worker`.",
  ),
  DATABASE_POOL_SIZE: withDefault(
    integer(1, 1000),
    '10',
    'Connections for deliveries; accepting events uses ACCEPT_CONCURRENCY more per group.',
  ),
  DATABASE_STATEMENT_TIMEOUT_MS: withDefault(
    milliseconds(100),
    '30000',
    'Statement timeout; a recalculation has LEADERBOARD_DEADLINE_MS instead.',
  ),
}

const accepting = {
  ACCEPT_CONCURRENCY: withDefault(integer(1, 100), '4', 'Chunks that one group accepts concurrently.'),
  ACCEPT_CHUNK_EVENTS: withDefault(integer(1, 10_000), '500', 'Maximum events in one accept transaction.'),
  ACCEPT_CHUNK_BYTES: withDefault(
    integer(1024, 64 * MILLION),
    '1048576',
    'Maximum bytes of records in one accept transaction; a larger record has a transaction of its own.',
  ),
  EVENT_MAX_BYTES: withDefault(
    integer(1024, 64 * MILLION),
    '1048576',
    'Maximum size of a record; a larger one becomes a dead letter (`too-large`) without being parsed.',
  ),
  DEDUPE_DAYS: withDefault(
    integer(1, 3650),
    '90',
    'Retention of outcomes and finished intents in days; at least the retention of the topic plus 7 days.',
  ),
}

const mail = {
  SMTP_URL: optional(
    serverUrl(['smtp', 'smtps'], 'smtp://user:password@mail.example.com:587'),
    'SMTP relay for all mail. Required when a group that sends mail runs.',
    'url',
  ),
  SMTP_REQUIRE_TLS: optional(
    yesOrNo,
    'Whether TLS is required before anything is sent to the relay; unset means true when SMTP_URL holds a login for another machine, otherwise TLS where the relay offers it.',
  ),
  SMTP_CA_FILE: optional(certificateFile, 'CA certificates that verify the relay; unset trusts the public authorities.'),
  SMTP_MAX_CONNECTIONS: optional(integer(1, 1000), 'Maximum connections to the relay; unset means KAFKA_WORKER_POOL_SIZE.'),
  SMTP_CONNECT_DEADLINE_MS: withDefault(
    milliseconds(1000),
    '300000',
    'Deadline for opening a connection to the relay: TCP, greeting, EHLO, TLS and login. Capped at MAIL_DEADLINE_MS, within which a mail needs a connection.',
  ),
  MAIL_FROM: optional(mailbox, 'Sender of mails whose campaign has no sender of its own.'),
  MAIL_DEADLINE_MS: withDefault(milliseconds(1000), '60000', 'Deadline for sending one mail to the relay.'),
  MAIL_AMBIGUOUS: withDefault(
    oneOf(['retry', 'hold']),
    'retry',
    'A mail whose reply was lost: `retry` sends it once more under the same Message-ID, `hold` leaves the decision to the operator.',
  ),
  AMBIGUOUS_RETRY_MS: withDefault(milliseconds(0), '60000', 'Delay before such a mail is sent once more.'),
  MAIL_RATE_PER_SECOND: optional(perSecond, 'Maximum mails per second that this process sends to the relay; unset means no limit.'),
  MAIL_DOMAIN_RATE_PER_SECOND: optional(perSecond, 'The same per recipient domain; mails to other domains are not delayed by it.'),
  MAIL_MAX_EVENT_AGE_SECONDS: withDefault(
    integer(1, 3650 * 86_400),
    '604800',
    'Maximum age of an event when it is first accepted; an older one sends no mail and delivers no reward (skipped as `stale`).',
  ),
  MAIL_ALLOWED_RECIPIENTS: optional(
    names('addresses separated by commas, with * for anything, such as *@example.com,qa-*@example.org'),
    'Only matching addresses get mail, all other mail is skipped as `not-allowed`: for installations that must not reach real people.',
  ),
  UNSUBSCRIBE_URL_TEMPLATE: optional(
    unsubscribeUrl,
    'One-click unsubscribe URL of position and milestone mails (RFC 8058); {user_id}, {campaign_id} and {signature} are filled in.',
  ),
  UNSUBSCRIBE_SECRET: optional(secretText, 'Key of {signature} in that URL: HMAC-SHA256 over the user id, in hex.', 'whole'),
  REFERRAL_LINK_TEMPLATE: optional(
    urlTemplate('referral_code', 'https://example.com/r/{referral_code}'),
    'Referral links of campaigns without a domain of their own.',
  ),
  POSITION_MAIL_MAX_WAIT_MS: withDefault(milliseconds(0), '300000', 'How long a position mail waits for its recalculation at most.'),
  BROADCAST_PAGE_SIZE: withDefault(integer(1, 10_000), '500', 'Recipients that one page of a broadcast adds.'),
  BROADCAST_MAX_PENDING: withDefault(integer(1, MILLION), '2000', 'Unfinished mails of a broadcast above which its next page waits.'),
}

const delivery = {
  WEBHOOK_DEADLINE_MS: withDefault(milliseconds(1000), '20000', 'Deadline for one webhook request, response included.'),
  WEBHOOK_ALLOW_CIDR: optional(networks, 'Private networks that webhooks may reach; unset allows public addresses only.'),
  LEADERBOARD_SWEEP_MS: withDefault(
    milliseconds(100),
    '5000',
    'Interval of the sweep, which finds leaderboards that changed without an event.',
  ),
  LEADERBOARD_MAX_LAG_MS: withDefault(
    milliseconds(1000),
    '60000',
    'Age of a due recalculation above which the position group stops fetching.',
  ),
  LEADERBOARD_DEADLINE_MS: withDefault(milliseconds(1000), '120000', 'Deadline for one recalculation.'),
  LEADERBOARD_HISTORY: withDefault(
    oneOf(['off', 'top', 'all']),
    'top',
    'Movements that a recalculation records for workerctl leaderboard explain: none, the hundred largest, or all.',
  ),
  LEADERBOARD_HISTORY_DAYS: withDefault(
    integer(1, 3650),
    '30',
    'Retention of those movements in days, never longer than DEDUPE_DAYS plus one day.',
  ),
  MISSING_ROW_WAIT_MS: withDefault(
    milliseconds(0),
    '300000',
    'How long an effect waits at most for a row that the platform has not committed yet.',
  ),
  CAMPAIGN_PAUSED_RECHECK_MS: withDefault(
    milliseconds(100),
    '5000',
    'Interval of the check whether a paused campaign is active again; one query covers all its intents.',
  ),
  RETENTION_INTERVAL_MS: withDefault(
    milliseconds(1000, DAY_MS),
    '300000',
    'Interval of the retention task that deletes what is older than DEDUPE_DAYS; one process at a time runs it.',
  ),
  LEASE_CHECK_MS: withDefault(milliseconds(100), '1000', 'Interval of the check for claims whose lease has expired.'),
}

const outbox = {
  OUTBOX_RELAY: withDefault(
    yesOrNo,
    'true',
    'Whether this process publishes events that the platform wrote to `worker.outbox` in its own transactions; all processes that do share them.',
  ),
  OUTBOX_POLL_MS: withDefault(milliseconds(10, 10_000), '500', 'How often the relay looks for events in the outbox.'),
}

const process = {
  WORKER_PROCESSES: withDefault(
    processCount,
    '1',
    'Processes that this command runs, with one port and one log for all; more than 1 adds a supervisor that starts, restarts and stops them. Connections, pools, rates and memory count for each of them.',
  ),
  HTTP_HOST: withDefault(
    anyText('a host name or address'),
    '0.0.0.0',
    'Listen address of /livez, /readyz, /status, /lag and /metrics; all interfaces by default, as containers need it. 127.0.0.1 keeps them on this machine.',
  ),
  HTTP_PORT: withDefault(integer(0, 65_535), '9090', 'Port of the same; 0 takes a free port, which the log names.'),
  HTTP_TOKEN: optional(secretText, 'Bearer token of POST /suppressions on this port; unset disables that path.', 'whole'),
  ADMIN_TOKEN: optional(
    secretText,
    'Bearer token of the admin verbs, such as POST /admin/pause, on this port; unset refuses them.',
    'whole',
  ),
  ADMIN_ACCESS: withDefault(
    oneOf(['loopback', 'public']),
    'loopback',
    'Connections that may use the admin verbs with that token: those from this machine, or all that HTTP_HOST admits; `public` needs ADMIN_TOKEN.',
  ),
  LIVENESS_STALL_MS: withDefault(
    milliseconds(1000),
    '300000',
    'How long work may make no progress beyond its own deadlines, without a known cause, before /livez fails; longer than the delays of an overloaded database.',
  ),
  BOOT_TIMEOUT_MS: withDefault(milliseconds(0), '60000', 'How long the start waits for brokers and database at most.'),
  SHUTDOWN_GRACE_MS: withDefault(milliseconds(0), '30000', 'How long a stop drains in-flight work at most; then the exit code is 2.'),
  LOG_LEVEL: withDefault(oneOf(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']), 'info', 'Minimum level that is logged.'),
}

/**
 * The single list of variables, in the order of the documentation: the loader, `--check-config`, config/example.env,
 * docs/reference/configuration.md, the table in the README and the tests derive from it.
 */
export const sections: readonly { readonly title: string; readonly variables: Readonly<Record<string, Variable<unknown>>> }[] = [
  { title: 'Kafka', variables: kafka },
  { title: 'Database', variables: database },
  { title: 'Accepting events', variables: accepting },
  { title: 'Mail', variables: mail },
  { title: 'Webhooks, leaderboards and waiting', variables: delivery },
  { title: 'Publishing in transactions', variables: outbox },
  { title: 'Process', variables: process },
  { title: 'Tracing', variables: tracing },
]

export const variables = { ...kafka, ...database, ...accepting, ...mail, ...delivery, ...outbox, ...process, ...tracing }

export type VariableName = keyof typeof variables

/** The parsed value of each variable. */
export type Values = {
  readonly [Name in VariableName]: (typeof variables)[Name] extends Variable<infer Value, infer Need>
    ? 'optional' extends Need
      ? Value | undefined
      : Value
    : never
}

/** All variable names, `_FILE` forms included: tests and the demo remove them from the environment of a daemon. */
export const variableNames: readonly string[] = Object.entries<Variable<unknown>>(variables).flatMap(([name, { secret }]) =>
  secret === null ? [name] : [name, `${name}_FILE`],
)
