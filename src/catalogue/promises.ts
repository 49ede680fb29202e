import { isDeepStrictEqual } from 'node:util'
import { changesBetween, inWords, type Catalogue, type Change } from './diff.ts'
import { fieldsOf } from './json-schema.ts'
import { byNumbers } from './released.ts'

/**
 * What a catalogue has to keep towards its releases, a sentence with the way out for each promise that is broken: all that is read of the last one,
 * and of the earlier ones the events in the versions that they still have, whose records may be there for as long as their topics keep them.
 *
 * @param releases in the order of their numbers
 */
export function brokenPromises(current: Catalogue, releases: readonly Catalogue[]): readonly string[] {
  const last = releases.at(-1)
  if (last === undefined)
    return ['No catalogue is released yet, so that nothing says what has to stay. Release it: npm run catalogue -- release']
  const found = new Map<string, string>()
  for (const release of releases.toReversed()) {
    const isLast = release === last
    const changes = isLast ? changesBetween(release, current) : changesBetween(...inSameVersions(release, current))
    for (const change of changes.filter(({ hurts }) => hurts !== null)) {
      const { type, sentence, hurts } = change
      const key = [type, sentence, hurts].join(' ')
      if (!found.has(key)) found.set(key, broken(change, isLast ? null : release))
    }
  }
  return [...found.values(), ...lowMinors(current, releases), ...numberFaults(current, releases)]
}

function broken(change: Change, release: Catalogue | null): string {
  return [inWords(change), release === null ? '' : `Release ${release.version} has it so.`, change.wayOut ?? '']
    .filter((part) => part !== '')
    .join(' ')
}

function inSameVersions(release: Catalogue, current: Catalogue): readonly [Catalogue, Catalogue] {
  const same = release.events.filter((old) => current.events.some(({ type, version }) => type === old.type && version === old.version))
  const types = new Set(same.map(({ type }) => type))
  return [
    { ...release, events: same },
    { ...current, events: current.events.filter(({ type }) => types.has(type)) },
  ]
}

/** A field that is new in a version raises its minor number, by which records and readers are told apart. */
function lowMinors(current: Catalogue, releases: readonly Catalogue[]): readonly string[] {
  return current.events.flatMap(({ type, version, minor = 0, data }) => {
    const before = releases
      .flatMap(({ events }) => events.filter((old) => old.type === type && old.version === version && (old.minor ?? 0) >= minor))
      .map((old) => ({ least: (old.minor ?? 0) + 1, fields: fieldsOf(old.data) }))
    const added = [...fieldsOf(data).keys()].filter((field) => before.some(({ fields }) => !fields.has(field)))
    if (added.length === 0) return []
    const least = Math.max(...before.map((old) => old.least))
    return [`${type} has ${added.join(' and ')} in addition, in version ${version}.${minor} as before. Raise its minor to ${least}.`]
  })
}

function numberFaults(current: Catalogue, releases: readonly Catalogue[]): readonly string[] {
  const { version, events } = current
  const raise = 'Raise catalogueVersion in src/events/catalogue/version.ts.'
  const own = releases.find((release) => release.version === version)
  const above = releases.find((release) => byNumbers(release.version, version) > 0)
  return [
    ...(own === undefined || isDeepStrictEqual(own, JSON.parse(JSON.stringify(current)))
      ? []
      : [`${version} is released already and is different from the catalogue as it is. ${raise}`]),
    ...(above === undefined ? [] : [`The catalogue is ${version}, and ${above.version} is released already. ${raise}`]),
    ...events
      .filter(({ since }) => byNumbers(since, version) > 0)
      .map(({ type, since }) => `${type}: since is ${since}, and the catalogue is ${version}. ${raise}`),
  ]
}
