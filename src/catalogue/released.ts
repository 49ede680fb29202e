import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { messageOf, OperatorError } from '../std/failure.ts'
import type { Catalogue } from './diff.ts'
import { eventFaultOf } from './event-shape.ts'
import { isSchema } from './json-schema.ts'
import { schemaFaults } from './schema-faults.ts'

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

/** Why it can be neither compared nor read by, as the rest of a sentence without its full stop; null when it can. */
export function faultOf(parsed: unknown): string | null {
  if (!isSchema(parsed) || typeof parsed['version'] !== 'string') return 'it has no version'
  if (!Array.isArray(parsed['events'])) return 'it has no list of events'
  const types = new Set<unknown>()
  for (const [index, event] of parsed['events'].entries()) {
    if (!isSchema(event) || typeof event['type'] !== 'string') return `its event ${index + 1} has no type`
    const { type, data } = event
    if (types.has(type)) return `${type} is in it twice`
    types.add(type)
    const fault = eventFaultOf(event)
    if (fault !== null) return `${type} ${fault}`
    const [schemaFault] = schemaFaults(data, '/data')
    if (schemaFault !== undefined) return `${type}: ${schemaFault.replace(/\.$/, '')}`
  }
  return null
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
