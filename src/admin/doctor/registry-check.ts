import type { Registration } from '../../catalogue/registration.ts'
import type { Finding, Seen } from './check.ts'

/**
 * Whether a registry that answers has the schema of each event. A daemon reads what has the id of a schema under any subject, so a subject that
 * is missing stops only publishers that write Avro, and is a warning.
 *
 * @param origin scheme, host and port of the registry
 */
export function registrySeen(origin: string, registrations: readonly Registration[]): Seen {
  const there = registrations.filter(({ is }) => is === 'there' || is === 'registered').length
  const findings = registrations.flatMap(({ is, sentence }): Finding[] => {
    if (is === 'there' || is === 'registered') return []
    const fix =
      is === 'refused'
        ? 'compare the versions of the subject with "npm run catalogue -- diff released", and change the event in a compatible way'
        : 'run "npm run catalogue -- register" before publishers write this event in Avro'
    return [{ is: 'warning', sentence, fix }]
  })
  return {
    sentence: `The schema registry at ${origin} answers and has ${there} of ${registrations.length} schemas of the catalogue.`,
    findings,
  }
}
