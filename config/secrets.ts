import { readVariables } from './read-variables.ts'
import type { Environment } from './read-variables.ts'
import type { Variable } from './variable.ts'
import { variables } from './variables.ts'

/** Every secret of an environment, also those in files: whole values, and user and password of URLs, decoded too. Never to be shown. */
export function secretsOf(environment: Environment): readonly string[] {
  const { readings } = readVariables(environment)
  return Object.entries<Variable<unknown>>(variables).flatMap(([name, { secret }]) => {
    const text = readings.get(name)?.text ?? ''
    if (secret === null || text === '') return []
    const url = secret === 'url' ? URL.parse(text) : null
    // A URL that does not parse is a secret as a whole.
    if (url === null) return [text]
    return [url.password, decoded(url.password), ...(url.password === '' ? [] : [text])].filter((part) => part !== '')
  })
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    // A bare % encodes nothing.
    return text
  }
}
