import { chown, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Certificate } from './certificates.ts'
import type { SystemUser } from './postgres-binaries.ts'

export interface PostgresTls {
  readonly server: Certificate
  /** PEM; the role `certified` must have a certificate of this authority. */
  readonly clientCa: string
}

/**
 * Puts the certificate where {@link tlsSettings} look for it; a server that runs takes it after a reload. Every role but `postgres` gets in
 * over TLS alone.
 */
export async function writeTls(dataDir: string, user: SystemUser | undefined, { server, clientCa }: PostgresTls): Promise<void> {
  const files = { 'server.crt': server.cert, 'server.key': server.key, 'root.crt': clientCa, 'pg_hba.conf': ACCESS }
  for (const [name, text] of Object.entries(files)) {
    const path = join(dataDir, name)
    await writeFile(path, `${text}\n`, { mode: 0o600 })
    if (user) await chown(path, user.uid, user.gid)
  }
}

export const tlsSettings = { ssl: 'on', ssl_cert_file: 'server.crt', ssl_key_file: 'server.key', ssl_ca_file: 'root.crt' } as const

const ACCESS = `
hostssl all certified 127.0.0.1/32 scram-sha-256 clientcert=verify-ca
hostssl all all 127.0.0.1/32 scram-sha-256
host all postgres 127.0.0.1/32 scram-sha-256
`
