import { avroNameOf, avroSchemaOf, NotInAvro } from '../events/avro-schema.ts'
import type { EventDefinition } from '../events/catalogue/define-event.ts'
import { OperatorError } from '../std/failure.ts'

/** The port to a registry whose schemas are written. Its calls reject with an OperatorError when it cannot be asked, or refuses. */
export interface WritableRegistry {
  /** The id of a schema under a subject; null: it is not there. */
  idOf(subject: string, schema: string): Promise<number | null>
  /** Whether it would be taken as the next version; null: the subject is new. */
  wouldTake(subject: string, schema: string): Promise<boolean | null>
  /** Its id. */
  register(subject: string, schema: string): Promise<number>
}

/** What becomes of the schema of one event, in words. */
export interface Registration {
  readonly is: 'there' | 'new' | 'next' | 'refused' | 'registered'
  readonly sentence: string
}

/**
 * Registers the Avro schemas of events, each under the name of its record; with `dryRun`, says what that would do.
 *
 * @throws {OperatorError} an event has no form in Avro; then nothing is registered
 */
export async function registerEvents(
  events: readonly EventDefinition[],
  registry: WritableRegistry,
  { dryRun }: { readonly dryRun: boolean },
): Promise<readonly Registration[]> {
  const schemas = events.map((event) => [avroNameOf(event), schemaTextOf(event)] as const)
  const registrations: Registration[] = []
  for (const [subject, schema] of schemas) registrations.push(await registrationOf(subject, schema, registry, dryRun))
  return registrations
}

/** The text of an event's Avro schema, the same whenever it is made. @throws {OperatorError} it has no form in Avro */
export function schemaTextOf(event: EventDefinition): string {
  try {
    return JSON.stringify(avroSchemaOf(event))
  } catch (error) {
    if (!(error instanceof NotInAvro)) throw error
    throw new OperatorError(`${event.type} has no form in Avro: ${error.message}. Change its schema, or publish it in JSON.`)
  }
}

async function registrationOf(subject: string, schema: string, registry: WritableRegistry, dryRun: boolean): Promise<Registration> {
  const id = await registry.idOf(subject, schema)
  if (id !== null) return { is: 'there', sentence: `${subject} is registered already, as ${id}.` }
  if (!dryRun) return { is: 'registered', sentence: `${subject} is registered as ${await registry.register(subject, schema)}.` }
  const isTaken = await registry.wouldTake(subject, schema)
  if (isTaken === null) return { is: 'new', sentence: `${subject} would be registered as a new subject.` }
  return isTaken
    ? { is: 'next', sentence: `${subject} would be registered as its next version.` }
    : { is: 'refused', sentence: `${subject} would be refused: the registry finds it incompatible with the versions that it has.` }
}
