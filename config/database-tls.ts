import { isLoopback } from '../src/std/loopback.ts'
import { authorities, certificateFile, keyFile } from './file-kinds.ts'
import { hasProblem, wrongWithPair } from './kafka-access.ts'
import type { Kind } from './variable.ts'
import type { Values } from './variables.ts'

/** TLS towards PostgreSQL in the words of libpq; certificates and keys as PEM texts. */
export interface DatabaseTlsConfig {
  readonly mode: 'disable' | 'require' | 'verify-ca' | 'verify-full'
  /** Absent: the public authorities that Node knows. */
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
}

/** A connection as the driver gets it. libpq's TLS parameters are removed from the URL, because the driver gives them another meaning. */
export interface DatabaseConnection {
  /** One `postgresql://` URL. A secret. */
  readonly connectionString: string
  readonly tls: DatabaseTlsConfig
}

/** The supported TLS parameters of libpq, with the variables that apply when the URL lacks them. */
const KNOWN = { sslmode: 'PGSSLMODE', sslrootcert: 'PGSSLROOTCERT', sslcert: 'PGSSLCERT', sslkey: 'PGSSLKEY' } as const
type Parameter = keyof typeof KNOWN

/**
 * Separates the TLS settings from the URL; the PGSSL variables apply where it has none. A mode that silently leaves the connection unencrypted
 * or the server unverified is a problem; a mode that does so explicitly is a warning.
 * https://www.postgresql.org/docs/current/libpq-ssl.html#LIBPQ-SSL-PROTECTION
 */
export function databaseConnection(
  text: string,
  values: Pick<Values, (typeof KNOWN)[Parameter]>,
  report: { problems: string[]; warnings: string[] },
): DatabaseConnection {
  const url = new URL(text)
  const strange = [...url.searchParams.keys()].filter((name) => /^(ssl|uselibpqcompat)/.test(name) && !(name in KNOWN))
  if (strange.length > 0) {
    report.problems.push(
      `DATABASE_URL has the parameter ${strange.join(', ')}, which is not supported: ` +
        `TLS is configured by sslmode, sslrootcert, sslcert and sslkey, such as sslmode=verify-full&sslrootcert=/etc/ssl/db-ca.pem.`,
    )
  }
  const settings = settingsOf(url, values, report.problems)
  const connectionString = withoutTls(text, url)
  // libpq: sslmode is ignored on a Unix socket.
  if (isSocket(url)) return { connectionString, tls: { mode: 'disable' } }
  const mode = modeOf(settings, url, report)
  if (mode === 'disable') return { connectionString, tls: { mode } }
  const { ca, cert, key } = settings
  const pair = wrongWithPair([settings.names.sslcert, cert], [settings.names.sslkey, key], report.problems)
  report.problems.push(...pair)
  return { connectionString, tls: { mode, ...given({ ca: ca === 'system' ? undefined : ca, cert, key }) } }
}

interface TlsSettings {
  readonly mode: string | undefined
  readonly ca: string | undefined
  readonly cert: string | undefined
  readonly key: string | undefined
  /** The name of each setting where it was set, for the sentences. */
  readonly names: Readonly<Record<Parameter, string>>
}

function settingsOf(url: URL, values: Pick<Values, (typeof KNOWN)[Parameter]>, problems: string[]): TlsSettings {
  const inUrl = (name: Parameter) => url.searchParams.get(name) ?? undefined
  const fileOf = (name: Exclude<Parameter, 'sslmode'>, kind: Kind<string>) => {
    const path = inUrl(name)
    if (path === undefined) return values[KNOWN[name]]
    const parsed = kind.parse(path)
    if ('value' in parsed) return parsed.value
    problems.push(`DATABASE_URL: ${name} ${parsed.wrong}; it must be ${kind.expects}.`)
    return undefined
  }
  const nameOf = (name: Parameter) => (inUrl(name) === undefined ? KNOWN[name] : `DATABASE_URL: ${name}`)
  return {
    mode: inUrl('sslmode') ?? values.PGSSLMODE,
    ca: fileOf('sslrootcert', authorities),
    cert: fileOf('sslcert', certificateFile),
    key: fileOf('sslkey', keyFile),
    names: { sslmode: nameOf('sslmode'), sslrootcert: nameOf('sslrootcert'), sslcert: nameOf('sslcert'), sslkey: nameOf('sslkey') },
  }
}

function modeOf(
  settings: TlsSettings,
  url: URL,
  { problems, warnings }: { problems: string[]; warnings: string[] },
): DatabaseTlsConfig['mode'] {
  const { mode, ca, names } = settings
  const where = names.sslmode === KNOWN.sslmode ? `${KNOWN.sslmode} says` : 'DATABASE_URL says sslmode'
  const isFile = ca !== undefined && ca !== 'system'
  switch (mode) {
    case undefined: {
      const useless = [
        ...(ca ? [names.sslrootcert] : []),
        ...(settings.cert ? [names.sslcert] : []),
        ...(settings.key ? [names.sslkey] : []),
      ]
      if (useless.length > 0) {
        problems.push(
          `${useless.join(' and ')} ${useless.length === 1 ? 'has' : 'have'} no effect without sslmode: ` +
            'add sslmode=verify-full to DATABASE_URL, or set PGSSLMODE.',
        )
      } else if (!isLoopback(hostOf(url))) {
        warnings.push(
          `The connection to the database at ${hostOf(url)} is not encrypted: add sslmode=verify-full to DATABASE_URL ` +
            'or set PGSSLMODE; sslmode=disable accepts that.',
        )
      }
      return 'disable'
    }
    case 'disable':
    case 'verify-full':
      return mode
    case 'require':
      if (ca === 'system') problems.push(weak(where, mode))
      // libpq: with an authority at hand, require means verify-ca.
      if (isFile) return 'verify-ca'
      warnings.push(
        `${where} require, which encrypts but does not verify the server certificate: ` +
          'use verify-full, with the CA certificate as sslrootcert or PGSSLROOTCERT unless it is signed by a public authority.',
      )
      return mode
    case 'verify-ca':
      if (isFile || hasProblem(problems, names.sslrootcert)) return mode
      problems.push(
        ca === 'system'
          ? weak(where, mode)
          : `${where} verify-ca without a CA certificate, and public authorities issue certificates to anybody: set sslrootcert or PGSSLROOTCERT, or use verify-full.`,
      )
      return mode
    default:
      problems.push(
        `${where} ${mode === 'allow' || mode === 'prefer' ? mode : 'something'}, which ` +
          `${mode === 'allow' || mode === 'prefer' ? 'silently falls back to an unencrypted connection when the server offers no TLS' : 'is not a supported mode of libpq'}: ` +
          'use verify-full, verify-ca, require or disable.',
      )
      return 'verify-full'
  }
}

/** libpq refuses this too: anybody can get a certificate from a public authority. */
function weak(where: string, mode: string): string {
  return `${where} ${mode}, which does not verify the name of the server, and public authorities (sslrootcert=system) issue certificates to anybody: use verify-full.`
}

function withoutTls(text: string, url: URL): string {
  const names = [...url.searchParams.keys()].filter((name) => /^(ssl|uselibpqcompat)/.test(name))
  if (names.length === 0) return text
  for (const name of names) url.searchParams.delete(name)
  return url.href
}

function hostOf(url: URL): string {
  return url.searchParams.get('host') ?? url.hostname
}

function isSocket(url: URL): boolean {
  return /^(\/|%2f)/i.test(hostOf(url))
}

function given<Fields extends Readonly<Record<string, string | undefined>>>(fields: Fields): { [Name in keyof Fields]?: string } {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what is left is what has a value
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as { [Name in keyof Fields]?: string }
}
