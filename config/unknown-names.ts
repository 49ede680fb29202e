import { editsBetween } from '../src/std/nearest.ts'
import type { Environment } from './read-variables.ts'
import { variableNames } from './variables.ts'

/** Names with these prefixes are meant for this program; `HTTP_`, `LOG_` and `PG` are used by many others. */
const OURS = /^(?:KAFKA|SMTP|MAIL|DATABASE|WEBHOOK|ACCEPT|LEADERBOARD|BROADCAST|UNSUBSCRIBE|OTEL)_/

/** Kubernetes sets these for a service that happens to be called kafka, smtp or database. */
const SERVICE_LINK = /_(?:SERVICE_HOST|SERVICE_PORT(?:_\w+)?|PORT(?:_\d+_(?:TCP|UDP)(?:_\w+)?)?)$/

/** One sentence for each name that resembles a variable without being one: a setting that silently has no effect. */
export function warnOfUnknownNames(environment: Environment): readonly string[] {
  return Object.keys(environment)
    .filter((name) => (environment[name] ?? '') !== '' && !variableNames.includes(name))
    .flatMap((name) => {
      const meant = closest(name)
      if (meant !== null) return [`${name} is not a variable of this program and has no effect: did you mean ${meant}?`]
      return OURS.test(name) && !SERVICE_LINK.test(name)
        ? [`${name} is not a variable of this program and has no effect: remove it, or see config/example.env for the names.`]
        : []
    })
}

function closest(name: string): string | null {
  if (SERVICE_LINK.test(name)) return null
  const allowed = OURS.test(name) ? Math.floor(name.length / 3) : 2
  const upper = name.toUpperCase()
  const [nearest] = variableNames
    .map((known) => ({ known, distance: editsBetween(upper, known) }))
    .filter(({ distance }) => distance <= allowed)
    .sort((a, b) => a.distance - b.distance)
  return nearest?.known ?? null
}
