import { readFileSync } from 'node:fs'
import { variables } from '../../config/variables.ts'

/** Looks at what a process writes, line by line, for what no output may hold, and remembers where it was, never what. */
export interface SecretScanner {
  scan(line: string): void
  /** What was found, each kind once, with the message of the line that held it. */
  readonly found: readonly string[]
}

/** Of a `webhooks.secret`; the prefix alone stands in a sentence of ours. */
const webhookSecret = /whsec_[\w+/=-]{16,}/
const address = /[\w.+'=-]+@[\w-]+(?:\.[\w-]+)+/g

/** Of the examples in our own sentences about variables, which are nobody's. */
const examples = Object.values(variables).flatMap(({ kind }) => kind.expects.match(address) ?? [])

/**
 * Watches for every address that neither `given` nor an example of ours names, secrets of webhooks, and each secret among `given`: whole variables,
 * passwords in URLs, as they are and percent-encoded, and what stands in the files that a `..._FILE` names.
 */
export function createSecretScanner(given: Readonly<Record<string, string>>): SecretScanner {
  const secrets = secretsOf(given)
  const named = new Set([...examples, ...Object.values(given).flatMap((value) => value.match(address) ?? [])])
  const found = new Map<string, string>()

  function holds(line: string): string | null {
    for (const [name, secret] of secrets) if (line.includes(secret)) return `the secret in ${name}`
    if (webhookSecret.test(line)) return 'a secret of a webhook'
    if (!line.includes('@')) return null
    return (line.match(address) ?? []).every((one) => named.has(one)) ? null : 'an address'
  }

  return {
    scan(line) {
      const what = holds(line)
      if (what !== null && !found.has(what)) found.set(what, `${what}, in the line ${titleOf(line, holds)}`)
    },
    get found() {
      return [...found.values()]
    },
  }
}

/** The message of a log line, unless that is what holds it. */
function titleOf(line: string, holds: (text: string) => string | null): string {
  const title = /"msg":"((?:[^"\\]|\\.)*)"/.exec(line)?.[1]
  return title === undefined || holds(title) !== null ? 'that is not shown' : `"${title}"`
}

/** Shorter ones occur by themselves; `postgres` is one of them. */
const SHORTEST_SECRET = 10

function secretsOf(given: Readonly<Record<string, string>>): readonly (readonly [name: string, secret: string])[] {
  return Object.entries(variables).flatMap(([name, { secret }]) => {
    const value = valueOf(given, name)
    if (secret === null || value === undefined) return []
    const forms = secret === 'whole' ? [value] : passwordsOf(value)
    return forms.filter((form) => form.length >= SHORTEST_SECRET).map((form) => [name, form] as const)
  })
}

function valueOf(given: Readonly<Record<string, string>>, name: string): string | undefined {
  const path = given[`${name}_FILE`]
  if (given[name] || path === undefined || path === '') return given[name]
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    // A file that cannot be read is what some tests are about; it has no secret.
    return undefined
  }
}

function passwordsOf(text: string): readonly string[] {
  const url = URL.parse(text)
  if (url === null || url.password === '') return []
  try {
    return [url.password, decodeURIComponent(url.password)]
  } catch {
    // A bare % is what some tests are about.
    return [url.password]
  }
}
