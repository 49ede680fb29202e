import { existsSync } from 'node:fs'
import { mkdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { lock } from './download-lock.ts'
import { guard } from './guard.ts'
import { spawnGuarded } from './guarded-process.ts'
import { requireMaven } from './java-tools.ts'
import type { OnProgress } from './kafka-jars.ts'
import { wholeEnvironment } from './worker-environment.ts'

const VERSION = '3.3.3'
const PLUGIN = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1'
const cache = fileURLToPath(new URL('../.cache/apicurio', import.meta.url))

/**
 * The folder with Apicurio Registry, a schema registry with Confluent's API. The first call fetches it by Maven, 158 MB; a folder that exists is
 * complete, because it gets its name only when everything is in it.
 *
 * @throws one sentence when Maven is missing or cannot fetch it
 */
export async function registryApp(onProgress: OnProgress = () => undefined): Promise<string> {
  const app = join(cache, VERSION)
  if (existsSync(app)) return app
  await mkdir(cache, { recursive: true })
  const onWait = () => onProgress(`Apicurio Registry ${VERSION}: waiting for another process that downloads it`)
  const unlock = await lock(join(cache, 'lock'), () => existsSync(app), onWait)
  try {
    if (!existsSync(app)) await download(app, onProgress)
  } finally {
    await unlock()
  }
  return app
}

async function download(app: string, onProgress: OnProgress): Promise<void> {
  const mvn = await requireMaven()
  const partial = `${app}.${process.pid}.partial`
  const logFile = `${partial}.log`
  const releases = [partial, logFile].map((path) => guard({ kind: 'folder', path }))
  try {
    onProgress(`Apicurio Registry ${VERSION}: downloading it with Maven, about 158 MB, this time only`)
    const artifact = `io.apicurio:apicurio-registry-app:${VERSION}:tar.gz:all`
    const args = ['-B', `${PLUGIN}:unpack`, `-Dartifact=${artifact}`, `-DoutputDirectory=${partial}`]
    const maven = await spawnGuarded(mvn, args, { env: wholeEnvironment(), logFile, cwd: cache, lastSignal: 'SIGTERM' })
    const ended = await maven.exited
    if (ended !== 'exit code 0' || !existsSync(partial)) {
      const log = await readFile(logFile, 'utf8')
      const reason = /Could not transfer .+/.exec(log)?.[0] ?? /^.*ERROR\S* (.+)$/m.exec(log)?.[1] ?? 'it said nothing'
      throw new Error(
        `Maven could not fetch Apicurio Registry ${VERSION}: ${reason.slice(0, 300)}; check the network, or Maven's settings.`,
      )
    }
    await rename(partial, app)
  } finally {
    await rm(partial, { recursive: true, force: true })
    await rm(logFile, { force: true })
    for (const release of releases) release()
  }
}
