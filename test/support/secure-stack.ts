import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openDatabase } from '../../src/infra/postgres/client/postgres-database.ts'
import { createAuthority, type Authority } from '../../stack/certificates.ts'
import { startKafka, type KafkaServer } from '../../stack/kafka-broker.ts'
import { startPostgres, type PostgresServer } from '../../stack/postgres-server.ts'
import type { SmtpSinkOptions } from '../../stack/smtp-sink.ts'
import { tempFolder } from '../../stack/temp-folder.ts'

/** Servers that want TLS and logins, with certificates made a moment ago, and the files that an operator would hand to the daemon. */
export interface SecureStack {
  readonly kafka: KafkaServer
  readonly postgres: PostgresServer
  /** A relay for `createFixture` that takes no login before TLS. */
  readonly relay: SmtpSinkOptions & { readonly auth: { readonly user: string; readonly password: string } }
  /** Every password there is. */
  readonly secrets: readonly string[]
  readonly files: Readonly<Record<'ca' | 'foreignCa' | 'cert' | 'key' | 'foreignCert' | 'foreignKey', string>>
  /** Writes a file that only this user reads, and gives its path. */
  file(name: string, content: string): string
  /** A fresh database. Superusers of its server reach it in clear, the role `certified` with TLS, a certificate and a password. */
  database(name: string): Promise<{ readonly url: string; readonly certifiedUrl: string }>
  stop(): Promise<void>
}

const names = ['127.0.0.1']

/**
 * The listeners of the broker: `LOGIN` is SASL_SSL by SCRAM for the user `worker`; `SHORT` the same with logins that end soon;
 * `MUTUAL` wants a certificate of ours.
 */
export async function startSecureStack(): Promise<SecureStack> {
  const folder = tempFolder('secure')
  const [own, foreign] = await Promise.all([createAuthority('Own'), createAuthority('Foreign')])
  const server = await own.server(names)
  const [password, databasePassword, relayPassword] = ['broker-hidden-word', 'database-hidden-word', 'relay-hidden-word']
  const sasl = { mechanisms: ['SCRAM-SHA-512'] }
  const [kafka, postgres] = await Promise.all([
    startKafka({
      users: [{ name: 'worker', password }],
      listeners: [
        { name: 'LOGIN', tls: { server }, sasl },
        // kafkajs logs in again 10 s before the end, and the broker takes no second login within a second.
        { name: 'SHORT', tls: { server }, sasl: { ...sasl, reauthenticateMs: 12_000 } },
        { name: 'MUTUAL', tls: { server, clientCa: own.ca } },
      ],
    }),
    startPostgres({ tls: { server, clientCa: own.ca } }),
  ])
  await createRole(postgres.url, databasePassword)
  const file = (name: string, content: string) => {
    const path = join(folder.path, name)
    writeFileSync(path, `${content}\n`, { mode: 0o600 })
    return path
  }
  const files = { ca: file('ca.pem', own.ca), foreignCa: file('foreign-ca.pem', foreign.ca), ...(await clientFiles(own, foreign, file)) }
  return {
    kafka,
    postgres,
    relay: { auth: { user: 'relay', password: relayPassword }, tls: server },
    secrets: [password, databasePassword, relayPassword],
    files,
    file,
    database: async (name) => {
      const url = await postgres.createDatabase(name)
      const certified = new URL(url)
      certified.username = 'certified'
      certified.password = databasePassword
      const tls = { sslmode: 'verify-full', sslrootcert: files.ca, sslcert: files.cert, sslkey: files.key }
      for (const [parameter, value] of Object.entries(tls)) certified.searchParams.set(parameter, value)
      return { url, certifiedUrl: certified.href }
    },
    stop: async () => {
      await Promise.all([kafka.stop(), postgres.stop()])
      await folder.remove()
    },
  }
}

async function clientFiles(own: Authority, foreign: Authority, file: SecureStack['file']) {
  const [client, stranger] = await Promise.all([own.client('certified'), foreign.client('certified')])
  return {
    cert: file('client.pem', client.cert),
    key: file('client.key', client.key),
    foreignCert: file('foreign.pem', stranger.cert),
    foreignKey: file('foreign.key', stranger.key),
  }
}

async function createRole(connectionString: string, password: string): Promise<void> {
  const connection = { connectionString }
  const database = openDatabase({ connection, max: 1, applicationName: 'test', statementTimeoutMs: 10_000, connectTimeoutMs: 10_000 })
  try {
    await database.sql.query(`CREATE ROLE certified LOGIN SUPERUSER PASSWORD '${password}'`)
  } finally {
    await database.end()
  }
}
