import { namedFields, type BrokenRule } from './catalogue/catalogue.ts'
import { inputName } from './input-names.ts'
import type { Fault } from './invalid-event.ts'

/** The rules that an event breaks, by the fields of the publisher's input; one for each field that is missing, or that nobody knows, at any depth. */
export function brokenFields(rules: readonly BrokenRule[]): readonly Fault[] {
  return rules.flatMap((broken) => {
    const at = broken.instancePath.split('/').slice(1).map(unescaped)
    const names = namedFields(broken)
    const paths = names.length === 0 ? [at] : names.map((name) => [...at, name])
    return paths.map((path) => ({ path: inInput(path), rule: `breaks ${keywordOf(broken)}` }))
  })
}

/** The validator reports a field that nobody knows twice, once as a field that may have no value. */
function keywordOf({ keyword }: BrokenRule): string {
  return keyword === 'boolean' ? 'additionalProperties' : keyword
}

/** A path in the publisher's input, where only the fields of the event itself have names of their own. */
export function inInput([field = '', ...within]: readonly string[]): string {
  return [inputName(field), ...within].join('/')
}

/** https://www.rfc-editor.org/rfc/rfc6901#section-4 */
function unescaped(segment: string): string {
  return segment.replaceAll('~1', '/').replaceAll('~0', '~')
}
