import { catalogue } from './catalogue/catalogue.ts'
import type { EventDefinition } from './catalogue/define-event.ts'
import type { AnyEvent } from './event.ts'

/** The text of a version in a header: `1` for 1.0, so that readers that know no minor versions accept it. */
export function versionText({ version, minor = 0 }: Pick<EventDefinition, 'version' | 'minor'>): string {
  return minor === 0 ? String(version) : `${version}.${minor}`
}

/**
 * The event as its current version has it: an older one is upcast step by step, a newer minor one is read by the fields that are known. A
 * sentence when this process cannot read it: it names other than one known version.
 *
 * @param versions that it names; none is version 1, which records had before they named any
 */
export function upcast(
  event: AnyEvent,
  versions: readonly string[],
  definition: EventDefinition = catalogue[event.type],
): AnyEvent | string {
  const [named = '1', ...others] = versions
  if (others.some((other) => other !== named)) return 'it names several versions'
  const major = majorOf(named)
  if (major === null) return 'what it names is no version such as 1 or 1.2'
  if (major > definition.version) return `this process knows ${event.type} up to version ${definition.version}`
  let data: object = event.data
  for (let from = major; from < definition.version; from++) {
    const upcaster = definition.upcasters?.[from]
    if (upcaster === undefined) return `this process no longer reads version ${from} of ${event.type}`
    try {
      data = upcaster({ ...data })
    } catch {
      // The error may quote the data.
      return `version ${from} of ${event.type} cannot be read as ${from + 1}`
    }
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- checked by the schema of its type after this
  return major === definition.version ? event : ({ ...event, data } as AnyEvent)
}

/** Of `1`, `1.2` or `1.2.3`; null for anything else. */
function majorOf(text: string): number | null {
  const [, major] = /^([1-9]\d{0,3})(?:\.\d{1,4}){0,2}$/.exec(text) ?? []
  return major === undefined ? null : Number(major)
}
