import { fileURLToPath } from 'node:url'
import { join } from 'node:path'
import type { OnProgress } from './kafka-jars.ts'
import { mavenArtifact } from './maven-artifact.ts'

const VERSION = '3.3.3'
const cache = fileURLToPath(new URL('../.cache/apicurio', import.meta.url))

/**
 * The folder with Apicurio Registry, a schema registry with Confluent's API. The first call fetches it by Maven, 158 MB; a folder that exists is
 * complete, because it gets its name only when everything is in it.
 *
 * @throws one sentence when Maven is missing or cannot fetch it
 */
export function registryApp(onProgress?: OnProgress): Promise<string> {
  return mavenArtifact({
    name: `Apicurio Registry ${VERSION}`,
    artifact: `io.apicurio:apicurio-registry-app:${VERSION}:tar.gz:all`,
    goal: 'unpack',
    folder: join(cache, VERSION),
    size: '158 MB',
    onProgress,
  })
}
