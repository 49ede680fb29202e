import { OperatorError } from '../src/std/failure.ts'
import { isLoopback } from '../src/std/loopback.ts'
import { hasProblem } from './kafka-access.ts'
import { readVariables, type Environment } from './read-variables.ts'
import type { Values } from './variables.ts'

/** Where the schema registry is; `url` is a secret where it holds a login, `ca` PEM. */
export interface RegistryConfig {
  readonly url: string
  readonly ca?: string
}

/** Null without a registry; adds a problem for settings that contradict each other or would send the login unencrypted. */
export function schemaRegistry(values: Values, problems: string[]): RegistryConfig | null {
  const { KAFKA_SCHEMA_REGISTRY_URL: url, KAFKA_SCHEMA_REGISTRY_CA_FILE: ca } = values
  if (hasProblem(problems, 'KAFKA_SCHEMA_REGISTRY_URL')) return null
  if (url === undefined) {
    if (ca !== undefined)
      problems.push('KAFKA_SCHEMA_REGISTRY_CA_FILE has no effect without KAFKA_SCHEMA_REGISTRY_URL: give that, or remove this.')
    return null
  }
  const { protocol, username, hostname } = new URL(url)
  if (protocol === 'http:' && username !== '' && !isLoopback(hostname))
    problems.push('KAFKA_SCHEMA_REGISTRY_URL begins with http://, which would send the password unencrypted: give an https:// URL.')
  if (protocol === 'http:' && ca !== undefined)
    problems.push('KAFKA_SCHEMA_REGISTRY_CA_FILE has no effect while KAFKA_SCHEMA_REGISTRY_URL begins with http://: give an https:// URL.')
  return { url, ...(ca === undefined ? {} : { ca }) }
}

/**
 * The same as the files are now, for a command that needs nothing else of the configuration, or for a new request.
 *
 * @throws {OperatorError} every problem, and that no registry is given
 */
export function schemaRegistryOf(environment: Environment): RegistryConfig {
  const { values, problems: unreadable } = readVariables(environment, (name) => name.startsWith('KAFKA_SCHEMA_REGISTRY_'))
  const problems = [...unreadable]
  const registry = schemaRegistry(values, problems)
  if (problems.length > 0) throw new OperatorError(problems.join('\n'))
  if (registry === null)
    throw new OperatorError('KAFKA_SCHEMA_REGISTRY_URL is not set: give a URL such as https://user:password@registry.example.com:8081.')
  return registry
}
