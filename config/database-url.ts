import type { Values } from './variables.ts'

const PARTS = ['PGHOST', 'PGUSER', 'PGPASSWORD', 'PGDATABASE'] as const

/** One URL from DATABASE_URL or the PG variables; adds to the problems when neither is complete. */
export function databaseUrl(values: Values, report: { problems: string[]; warnings: string[] }): string {
  const parts = PARTS.filter((name) => values[name] !== undefined)
  if (values.DATABASE_URL !== undefined) {
    if (parts.length > 0) report.warnings.push(`DATABASE_URL is set and takes precedence over ${parts.join(', ')}.`)
    return values.DATABASE_URL
  }
  if (parts.length === 0) {
    report.problems.push(
      'DATABASE_URL is not set: give a URL such as postgresql://user:password@db.example.com:5432/platform, or PGHOST, PGUSER, PGPASSWORD and PGDATABASE.',
    )
    return ''
  }
  const { PGHOST: host, PGUSER: user } = values
  if (host === undefined) report.problems.push('PGHOST is not set: give the host of PostgreSQL, or DATABASE_URL with everything in it.')
  if (user === undefined) report.problems.push('PGUSER is not set: give the role to connect as, or DATABASE_URL with everything in it.')
  return host === undefined || user === undefined ? '' : fromParts(values, host, user)
}

function fromParts(values: Values, host: string, user: string): string {
  const password = values.PGPASSWORD === undefined ? '' : `:${encodeURIComponent(values.PGPASSWORD)}`
  const isSocket = host.startsWith('/')
  const bracketed = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host
  const parameters = new URLSearchParams()
  if (isSocket) parameters.set('host', host)
  const address = isSocket ? `localhost:${values.PGPORT}` : `${bracketed}:${values.PGPORT}`
  const query = parameters.size === 0 ? '' : `?${parameters.toString()}`
  return `postgresql://${encodeURIComponent(user)}${password}@${address}/${encodeURIComponent(values.PGDATABASE ?? user)}${query}`
}
