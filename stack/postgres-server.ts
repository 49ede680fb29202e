import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chown, readFile, realpath, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { Client } from 'pg'
import { freePorts } from './free-port.ts'
import type { GuardedProcess } from './guarded-process.ts'
import { spawnGuarded } from './guarded-process.ts'
import type { PostgresBinaries, SystemUser } from './postgres-binaries.ts'
import { postgresBinaries, unprivilegedUser } from './postgres-binaries.ts'
import { createDatabase, dropDatabase } from './postgres-database.ts'
import { PostgresProcesses } from './postgres-processes.ts'
import type { PostgresTls } from './postgres-tls.ts'
import { tlsSettings, writeTls } from './postgres-tls.ts'
import { tempFolder } from './temp-folder.ts'
import { cleanEnvironment } from './worker-environment.ts'

/** `fast` breaks off what runs and shuts down in order; `immediate` is a crash from the inside, with recovery at the next start. */
type PostgresStopMode = 'fast' | 'immediate'

export type PostgresServer = {
  /** Of the database `postgres`, as a superuser; the same through every restart. */
  readonly url: string
  readonly port: number
  readonly dataDir: string
  pid(): number | undefined
  createDatabase(name: string, options?: { readonly template?: string }): Promise<string>
  dropDatabase(name: string): Promise<void>
  /** Stops the server and keeps its data and port for `resume`. */
  halt(mode?: PostgresStopMode): Promise<void>
  /** SIGKILL to the postmaster; its children notice and end, which is awaited. */
  kill(): Promise<void>
  /** Stops all its processes where they stand: connections stay, new ones are made by the system, nothing answers. */
  freeze(): void
  /** Starts again after `halt`, `kill` or `freeze`; resolves when queries are answered. */
  resume(): Promise<void>
  /** `halt` and `resume`. */
  restart(mode?: PostgresStopMode): Promise<void>
  /** Shows another certificate to connections from now on; only where it began with one. */
  present(tls: PostgresTls): Promise<void>
  /** Stops the server and removes its data. Idempotent. */
  stop(): Promise<void>
}

export type PostgresOptions = {
  readonly onProgress?: (line: string) => void
  /** Server settings over ours, as in postgresql.conf. */
  readonly settings?: Readonly<Record<string, string | number>>
  /** Speak TLS where the client requests it; see postgres-tls.ts for who must. */
  readonly tls?: PostgresTls
}

/**
 * A real PostgreSQL on 127.0.0.1 with a random password, data in a temporary folder that goes with it. Up in about two seconds. Ends with
 * this process if not stopped before.
 *
 * `fsync` and `full_page_writes` are off: they guard against a crash of the machine. A crash of the server alone loses nothing without
 * them, because what was written is in the system's page cache. Turn them on by `settings` to measure a disk.
 *
 * @throws the end of the server's log when it does not come up
 */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  options.onProgress?.('PostgreSQL: starting')
  const startedAt = performance.now()
  const folder = tempFolder('postgres')
  try {
    const user = await unprivilegedUser()
    const binaries = await postgresBinaries(user, folder.path)
    const cluster = await initialise(binaries, user, await realpath(folder.path))
    if (options.tls) await writeTls(cluster.dataDir, cluster.user, options.tls)
    const server = await firstStart(cluster, options)
    options.onProgress?.(`PostgreSQL: up after ${((performance.now() - startedAt) / 1000).toFixed(1)} s`)
    return {
      ...server,
      stop: async () => {
        await server.halt('fast')
        await folder.remove()
      },
    }
  } catch (cause) {
    await folder.remove()
    throw cause
  }
}

type Cluster = {
  readonly binaries: PostgresBinaries
  readonly user: SystemUser | undefined
  readonly dataDir: string
  readonly logFile: string
  readonly password: string
}

async function initialise(binaries: PostgresBinaries, user: SystemUser | undefined, folder: string): Promise<Cluster> {
  const password = randomBytes(18).toString('base64url')
  const passwordFile = join(folder, 'password')
  const dataDir = join(folder, 'data')
  await writeFile(passwordFile, password, { mode: 0o600 })
  if (user) await Promise.all([folder, passwordFile].map(async (path) => chown(path, user.uid, user.gid)))
  const where = [`--pgdata=${dataDir}`, '--username=postgres', `--pwfile=${passwordFile}`]
  const how = ['--auth=scram-sha-256', '--encoding=UTF8', '--locale=C', '--no-sync', '--no-instructions']
  await promisify(execFile)(binaries.initdb, [...where, ...how], { env: cleanEnvironment(), cwd: folder, ...user })
  await rm(passwordFile)
  return { binaries, user, dataDir, logFile: join(folder, 'postgres.log'), password }
}

/** The port is free when it is chosen; if another process takes it before the server binds it, another port is tried. */
async function firstStart(cluster: Cluster, options: PostgresOptions): Promise<Omit<PostgresServer, 'stop'>> {
  for (let attempt = 1; ; attempt++) {
    const [port = 0] = await freePorts(1)
    const server = serverOn(port, cluster, options)
    try {
      await server.resume()
      return server
    } catch (cause) {
      await server.kill()
      if (attempt === 3 || !/Address already in use/.test(String(cause))) throw cause
    }
  }
}

function serverOn(port: number, cluster: Cluster, { settings, tls }: PostgresOptions): Omit<PostgresServer, 'stop'> {
  const url = `postgres://postgres:${cluster.password}@127.0.0.1:${port}/postgres`
  let child: GuardedProcess | undefined
  let processes: PostgresProcesses | undefined
  const resume = async () => {
    processes?.thaw()
    if (child?.running()) return
    child = await launch(port, cluster, tls ? { ...tlsSettings, ...settings } : settings)
    processes = new PostgresProcesses(child)
    await untilAnswering(url, cluster, child)
  }
  const halt = async (mode: PostgresStopMode = 'fast') => {
    processes?.thaw()
    await child?.end(mode === 'fast' ? 'SIGINT' : 'SIGQUIT')
  }
  return {
    url,
    port,
    dataDir: cluster.dataDir,
    pid: () => (child?.running() ? child.pid : undefined),
    createDatabase: async (name, options) => createDatabase(url, name, options),
    dropDatabase: async (name) => dropDatabase(url, name),
    present: async (another) => {
      await writeTls(cluster.dataDir, cluster.user, another)
      child?.signal('SIGHUP')
    },
    halt,
    kill: async () => processes?.kill(),
    freeze: () => processes?.freeze(),
    resume,
    restart: async (mode) => {
      await halt(mode)
      await resume()
    },
  }
}

async function launch(port: number, cluster: Cluster, settings: PostgresOptions['settings']): Promise<GuardedProcess> {
  const all = {
    listen_addresses: '127.0.0.1',
    port,
    unix_socket_directories: '',
    max_connections: 200,
    fsync: 'off',
    full_page_writes: 'off',
    ...settings,
  }
  const flags = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  return spawnGuarded(cluster.binaries.postgres, ['-D', cluster.dataDir, ...flags], {
    env: cleanEnvironment(),
    cwd: cluster.dataDir,
    logFile: cluster.logFile,
    // An immediate shutdown takes the children and the shared memory along; a killed postmaster would leave the latter until a reboot.
    lastSignal: 'SIGQUIT',
    ...(cluster.user ? { user: cluster.user } : {}),
  })
}

/** Ours, and answering: nobody else's server knows the random password, and the data directory is compared as well. */
async function untilAnswering(url: string, cluster: Cluster, child: GuardedProcess): Promise<void> {
  const deadline = Date.now() + 60_000
  for (;;) {
    const found = await dataDirectoryOf(url)
    if (found === cluster.dataDir) return
    if (found !== undefined) throw new Error(`another PostgreSQL answers on the port of the local stack, with data in ${found}`)
    if (!child.running()) throw await failure(`ended with ${await child.exited}`, cluster)
    if (Date.now() > deadline) {
      await child.end('SIGQUIT')
      throw await failure('did not answer within 60 s', cluster)
    }
    await pause(50)
  }
}

async function dataDirectoryOf(connectionString: string): Promise<string | undefined> {
  const client = new Client({ connectionString, connectionTimeoutMillis: 5_000 })
  client.on('error', () => undefined)
  try {
    await client.connect()
    const { rows } = await client.query<{ data_directory: string }>('SHOW data_directory')
    return rows[0]?.data_directory
  } catch {
    // Not listening yet, or starting up and refusing; the caller decides how long that may go on.
    return undefined
  } finally {
    await client.end()
  }
}

async function failure(what: string, cluster: Cluster): Promise<Error> {
  const log = await readFile(cluster.logFile, 'utf8').catch(() => '')
  return new Error(`PostgreSQL ${what}. The end of its log:\n${log.slice(-3_000)}`)
}
