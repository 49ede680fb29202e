import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { lock } from './download-lock.ts'
import { guard } from './guard.ts'
import { spawnGuarded } from './guarded-process.ts'
import { requireMaven } from './java-tools.ts'
import { wholeEnvironment } from './worker-environment.ts'

/** The broker version of demo and tests unless they name another; STACK_KAFKA_VERSION sets it for a whole run. */
export const defaultKafkaVersion = process.env['STACK_KAFKA_VERSION'] || '4.3.0'

const cache = fileURLToPath(new URL('../.cache/kafka', import.meta.url))
const pom = fileURLToPath(new URL('kafka/pom.xml', import.meta.url))

/** @param kind `figure`: replaced by the next line within a second or so; a log may leave it out */
export type OnProgress = (line: string, kind?: 'figure') => void

type KafkaJarsOptions = {
  readonly version?: string
  /** Gets a figure every second while the download lasts. */
  readonly onProgress?: OnProgress
  /** Where the versions are kept; `.cache/kafka` of this repository by default. */
  readonly cacheFolder?: string
}

/**
 * The folder with the jars of a Kafka broker. The first call for a version fetches them by Maven; a folder that exists is complete, because it
 * gets its name only when everything is in it. Processes that want the same version at once wait for the first one's download.
 *
 * @throws one sentence when Maven is missing or cannot fetch them
 */
export async function kafkaJars({
  version = defaultKafkaVersion,
  onProgress,
  cacheFolder = cache,
}: KafkaJarsOptions = {}): Promise<string> {
  const libs = join(cacheFolder, version, 'libs')
  if (existsSync(libs)) return libs
  await mkdir(join(cacheFolder, version), { recursive: true })
  const report = onProgress ?? (() => undefined)
  const onWait = () => report(`Kafka ${version}: waiting for another process that downloads it`)
  const unlock = await lock(join(cacheFolder, version, 'lock'), () => existsSync(libs), onWait)
  try {
    if (!existsSync(libs)) await download(version, libs, report)
  } finally {
    await unlock()
  }
  return libs
}

async function download(version: string, libs: string, onProgress: OnProgress): Promise<void> {
  const mvn = await requireMaven()
  const partial = `${libs}.${process.pid}.partial`
  const release = guard({ kind: 'folder', path: partial })
  try {
    await mkdir(partial, { recursive: true })
    const logFile = join(partial, 'maven.log')
    onProgress(`Kafka ${version}: downloading the broker with Maven, about ${SIZE_MB} MB, this time only`)
    const goal = ['-B', '-f', pom, 'dependency:copy-dependencies', `-Dkafka.version=${version}`, '-DincludeScope=runtime']
    // Maven keeps its settings (mirrors, proxies) in variables of many names, so it gets all of ours.
    const maven = await spawnGuarded(mvn, [...goal, `-DoutputDirectory=${partial}`], {
      env: wholeEnvironment(),
      logFile,
      lastSignal: 'SIGTERM',
    })
    const progress = setInterval(() => void report(version, logFile, onProgress), 1_000)
    const ended = await maven.exited.finally(() => clearInterval(progress))
    const jars = (await readdir(partial)).filter((name) => name.endsWith('.jar'))
    if (ended !== 'exit code 0' || jars.length === 0) throw new Error(await failure(version, logFile))
    await rm(logFile)
    await rename(partial, libs)
    onProgress(`Kafka ${version}: ${jars.length} jars kept in ${libs}`)
  } finally {
    await rm(partial, { recursive: true, force: true })
    release()
  }
}

/** The jars of a broker and of Maven's plugin, from an empty local repository; what that holds already is not downloaded again. */
const SIZE_MB = 60

/**
 * Maven copies only when the download is complete, so its "Downloaded from x: .../y.jar (1.2 MB at 3 MB/s)" lines are counted. They include the
 * many small files that it reads first, so that the count moves from the beginning.
 */
async function report(version: string, logFile: string, onProgress: OnProgress): Promise<void> {
  const units: Record<string, number> = { B: 1e-6, kB: 1e-3, MB: 1 }
  const found = [...(await readFile(logFile, 'utf8').catch(() => '')).matchAll(/Downloaded from .* \(([\d.]+) (B|kB|MB)/g)]
  const megabytes = found.reduce((sum, [, size, unit]) => sum + Number(size) * (units[unit ?? ''] ?? 0), 0)
  onProgress(`Kafka ${version}: downloaded ${megabytes.toFixed(1)} of about ${SIZE_MB} MB, ${found.length} files`, 'figure')
}

async function failure(version: string, logFile: string): Promise<string> {
  const log = await readFile(logFile, 'utf8').catch(() => '')
  // Without a network Maven's error is that it knows no plugin; the warning before it says why.
  const reason = /Could not transfer .+/.exec(log)?.[0] ?? /^.*ERROR\S* (.+)$/m.exec(log)?.[1] ?? 'it said nothing'
  return `Maven could not fetch Kafka ${version}: ${reason.slice(0, 300)}; check the network, or Maven's settings if it needs a mirror or proxy.`
}
