import type { ValueReader } from '../events/framed-value.ts'

/** The port to a schema registry. */
export interface SchemaSource {
  /**
   * Reads values that were written with this schema. Of one that the registry does not know, or that cannot be read, the reader answers with
   * that fault.
   *
   * @throws {Error} one sentence with the way out, when the registry cannot be asked
   */
  reader(id: number, signal: AbortSignal): Promise<ValueReader>
}
