import { existsSync } from 'node:fs'
import { mkdir, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { lock } from './download-lock.ts'
import { guard } from './guard.ts'
import { spawnGuarded } from './guarded-process.ts'
import { requireMaven } from './java-tools.ts'
import type { OnProgress } from './kafka-jars.ts'
import { wholeEnvironment } from './worker-environment.ts'

const PLUGIN = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1'

interface Artifact {
  /** For people. */
  readonly name: string
  /** Such as `group:name:version`. */
  readonly artifact: string
  /** `copy` the file as it is, or `unpack` it. */
  readonly goal: 'copy' | 'unpack'
  /** Where it is kept. */
  readonly folder: string
  readonly size: string
  readonly onProgress?: OnProgress | undefined
}

/**
 * The folder with one artifact and nothing that it depends on. The first call fetches it by Maven; a folder that exists is complete, because it
 * gets its name only when everything is in it. Processes that want the same at once wait for the first one's download.
 *
 * @throws one sentence when Maven is missing or cannot fetch it
 */
export async function mavenArtifact(wanted: Artifact): Promise<string> {
  const { name, folder, onProgress = () => undefined } = wanted
  if (existsSync(folder)) return folder
  const cache = dirname(folder)
  await mkdir(cache, { recursive: true })
  const onWait = () => onProgress(`${name}: waiting for another process that downloads it`)
  const unlock = await lock(join(cache, 'lock'), () => existsSync(folder), onWait)
  try {
    if (!existsSync(folder)) await download(wanted, onProgress)
  } finally {
    await unlock()
  }
  return folder
}

async function download({ name, artifact, goal, folder, size }: Artifact, onProgress: OnProgress): Promise<void> {
  const mvn = await requireMaven()
  const partial = `${folder}.${process.pid}.partial`
  const logFile = `${partial}.log`
  const releases = [partial, logFile].map((path) => guard({ kind: 'folder', path }))
  try {
    onProgress(`${name}: downloading it with Maven, about ${size}, this time only`)
    const args = ['-B', `${PLUGIN}:${goal}`, `-Dartifact=${artifact}`, `-DoutputDirectory=${partial}`]
    const maven = await spawnGuarded(mvn, args, { env: wholeEnvironment(), logFile, cwd: dirname(folder), lastSignal: 'SIGTERM' })
    const ended = await maven.exited
    if (ended !== 'exit code 0' || !existsSync(partial)) {
      const log = await readFile(logFile, 'utf8')
      const reason = /Could not transfer .+/.exec(log)?.[0] ?? /^.*ERROR\S* (.+)$/m.exec(log)?.[1] ?? 'it said nothing'
      throw new Error(`Maven could not fetch ${name}: ${reason.slice(0, 300)}; check the network, or Maven's settings.`)
    }
    await rename(partial, folder)
  } finally {
    await rm(partial, { recursive: true, force: true })
    await rm(logFile, { force: true })
    for (const release of releases) release()
  }
}
