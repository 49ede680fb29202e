import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { schemaFault } from '../events/catalogue/catalogue.ts'
import { messageOf, OperatorError } from '../std/failure.ts'
import type { Catalogue } from './diff.ts'
import { retentionMs } from './event-retention.ts'
import { isSchema, type Schema } from './json-schema.ts'

/** Reads a catalogue that was written by {@link writeRelease}. @throws {OperatorError} one sentence: it is not there, or is none */
export async function readCatalogue(file: string): Promise<Catalogue> {
  let parsed: unknown
  try {
    parsed = JSON.parse(await readFile(file, 'utf8'))
  } catch (error) {
    throw new OperatorError(`${file} is no catalogue: ${messageOf(error)}. Give a file of config/events/released.`)
  }
  const fault = faultOf(parsed)
  if (fault !== null) throw new OperatorError(`${file} is no catalogue: ${fault}. Give a file of config/events/released.`)
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- checked above, as far as it is used
  return parsed as Catalogue
}

function faultOf(parsed: unknown): string | null {
  if (!isSchema(parsed) || typeof parsed['version'] !== 'string') return 'it has no version'
  if (!Array.isArray(parsed['events'])) return 'it has no list of events'
  for (const [index, event] of parsed['events'].entries()) {
    if (!isSchema(event) || typeof event['type'] !== 'string') return `its event ${index + 1} has no type`
    const fault = eventFaultOf(event)
    if (fault !== null) return `${event['type']} ${fault}`
  }
  return null
}

/** Of what the rest of the program takes for granted. */
function eventFaultOf({ data, ...event }: Schema): string | null {
  if (!isSchema(data)) return 'has no schema of its data'
  for (const field of ['identity', 'personal', 'examples']) if (!Array.isArray(event[field])) return `has no list ${field}`
  const { owner, version, minor, retention } = event
  if (!isSchema(owner)) return 'has no owner'
  if (!isNumber(version, 1)) return `has the version ${JSON.stringify(version)}, which is not 1 or above`
  if (minor !== undefined && !isNumber(minor, 0)) return `has the minor ${JSON.stringify(minor)}, which is not 0 or above`
  if (typeof retention !== 'string' || !Object.hasOwn(retentionMs, retention))
    return `has the retention ${JSON.stringify(retention)}, which is not ${Object.keys(retentionMs).join(' or ')}`
  for (const field of ['summary', 'since', 'key']) if (typeof event[field] !== 'string') return `has no text ${field}`
  if (data['type'] !== 'object' || !isSchema(data['properties'])) return 'has data without properties'
  if (!Array.isArray(data['required']) || !data['required'].every((name) => typeof name === 'string'))
    return 'has data without a list of what is required'
  try {
    schemaFault(data, {})
  } catch (error) {
    return `has a schema that cannot be read (${messageOf(error)})`
  }
  return null
}

function isNumber(value: unknown, least: number): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value >= least
}

/** The last release in a folder, by its number; null when there is none. */
export async function lastRelease(folder: string): Promise<Catalogue | null> {
  const last = (await versionsIn(folder)).at(-1)
  return last === undefined ? null : readCatalogue(path.join(folder, `${last}.json`))
}

/** Every release in a folder, in the order of their numbers. @throws {OperatorError} one of them is no catalogue, or the folder cannot be read */
export async function releasesIn(folder: string): Promise<readonly Catalogue[]> {
  return Promise.all((await versionsIn(folder)).map((version) => readCatalogue(path.join(folder, `${version}.json`))))
}

async function versionsIn(folder: string): Promise<readonly string[]> {
  return (await namesIn(folder)).flatMap((name) => /^(\d+\.\d+\.\d+)\.json$/.exec(name)?.[1] ?? []).toSorted(byNumbers)
}

/** A folder that is not there has none yet. */
async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw new OperatorError(`The releases of the catalogue cannot be read: ${messageOf(error)}. Make ${folder} a folder that can be read.`)
  }
}

/** @throws {OperatorError} the version was released before with other contents */
export async function writeRelease(folder: string, catalogue: Catalogue): Promise<string> {
  const file = path.join(folder, `${catalogue.version}.json`)
  const contents = `${JSON.stringify(catalogue, null, 2)}\n`
  const before = await readFile(file, 'utf8').catch(() => null)
  if (before !== null && before !== contents)
    throw new OperatorError(
      `${catalogue.version} is released already and was different. Raise catalogueVersion in src/events/catalogue/version.ts.`,
    )
  await mkdir(folder, { recursive: true })
  await writeFile(file, contents)
  return file
}

/** Orders releases such as 1.9.0 and 1.10.0. */
export function byNumbers(one: string, other: string): number {
  const [mine = [], theirs = []] = [one, other].map((version) => version.split('.').map(Number))
  const at = mine.findIndex((number, index) => number !== theirs[index])
  return at < 0 ? 0 : (mine[at] ?? 0) - (theirs[at] ?? 0)
}
