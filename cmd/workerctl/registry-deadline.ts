/** The longest that a command waits for a schema of the registry; milliseconds. */
const REGISTRY_MS = 10_000

/** Aborts when a command has waited long enough for the schema of a record. */
export function registryDeadline(): AbortSignal {
  return AbortSignal.timeout(REGISTRY_MS)
}
