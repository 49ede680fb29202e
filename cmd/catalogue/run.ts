import { mkdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { stringify } from 'yaml'
import { asyncApiOf } from '../../src/catalogue/asyncapi.ts'
import { changesBetween, inWords, type Catalogue } from '../../src/catalogue/diff.ts'
import { addRegister } from './register.ts'
import { addRehearse } from './rehearse.ts'
import { brokenPromises } from '../../src/catalogue/promises.ts'
import { faultOf, lastRelease, readCatalogue, releasesIn, writeRelease } from '../../src/catalogue/released.ts'
import { brokenRules } from '../../src/catalogue/rules.ts'
import { listedConsumers } from '../../src/consumers/registry.ts'
import { events } from '../../src/events/catalogue/events.ts'
import { catalogueVersion } from '../../src/events/catalogue/version.ts'
import { OperatorError } from '../../src/std/failure.ts'

/** The topic of events and consumers that name none, as the documents have it. */
export const DEFAULT_TOPIC = 'domain-events'

/** `npm run catalogue`: for those who change the catalogue of events. Resolves to the exit code. */
export async function run(args: readonly string[]): Promise<number> {
  let code = 0
  const program = new Command('catalogue').description('Checks the catalogue of events, and writes what follows from it.')
  program
    .command('check')
    .description(
      'Check names, owners, schemas, examples and consumers, what was released, and that the written document is that of the catalogue. ' +
        'Exits with 1 when a rule is broken.',
    )
    .action(async () => {
      const released = await releasesIn(releases)
      const rules = brokenRules(events, listedConsumers, DEFAULT_TOPIC)
      const others = async () => [...brokenPromises(current, released), ...(await outdated())]
      const faults = [...rules, ...(faultOf(current) === null ? await others() : [])]
      for (const fault of faults) process.stderr.write(`${fault}\n`)
      if (faults.length === 0) process.stdout.write(`${events.length} events of catalogue ${catalogueVersion}: no rule is broken.\n`)
      code = faults.length === 0 ? 0 : 1
    })
  program
    .command('write')
    .description('Write config/events/asyncapi.yaml.')
    .action(async () => {
      await mkdir(path.dirname(document), { recursive: true })
      await writeFile(document, asyncApiYaml())
      process.stdout.write(`${path.relative(process.cwd(), document)} is written.\n`)
    })
  program
    .command('diff')
    .description(
      'Say in words what is different in the second of two catalogues. Exits with 2 when something breaks a reader or a record, and with 1 when a file is no catalogue.',
    )
    .argument('<before>', 'a file of config/events/released, "released" for the last of them, or "current"')
    .argument('[after]', 'the same', 'current')
    .action(async (before: string, after: string) => {
      const changes = changesBetween(await named(before), await named(after))
      const lines = changes.length === 0 ? ['No difference.'] : changes.map(inWords)
      process.stdout.write(`${lines.join('\n')}\n`)
      code = changes.some(({ hurts }) => hurts !== null) ? 2 : 0
    })
  program
    .command('release')
    .description('Keep the catalogue as it is under config/events/released: what follows has to be compatible with it.')
    .action(async () => {
      const released = await releasesIn(releases)
      const rules = brokenRules(events, listedConsumers, DEFAULT_TOPIC)
      const faults = [...rules, ...(released.length === 0 || faultOf(current) !== null ? [] : brokenPromises(current, released))]
      if (faults.length > 0) throw new OperatorError(faults.join('\n'))
      process.stdout.write(`${path.relative(process.cwd(), await writeRelease(releases, current))} is written.\n`)
    })
  addRehearse(program, named, (breaks) => (code = breaks ? 2 : 0))
  addRegister(program, (registrations) => {
    if (registrations.some(({ is }) => is === 'new' || is === 'next')) code = 2
    if (registrations.some(({ is }) => is === 'refused')) code = 1
  })
  try {
    await program.parseAsync([...args], { from: 'user' })
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error
    process.stderr.write(`${error.message}\n`)
    return 1
  }
  return code
}

const document = fileURLToPath(new URL('../../config/events/asyncapi.yaml', import.meta.url))

/** The folder of the released catalogues. */
export const releases = fileURLToPath(new URL('../../config/events/released', import.meta.url))
const current: Catalogue = { version: catalogueVersion, events }

async function named(name: string): Promise<Catalogue> {
  if (name === 'current') return readableCurrent()
  if (name !== 'released') return readCatalogue(name)
  const last = await lastRelease(releases)
  if (last === null) throw new OperatorError('No catalogue is released yet: npm run catalogue -- release')
  return last
}

/** @throws {OperatorError} it cannot be compared, written or read by */
function readableCurrent(): Catalogue {
  const fault = faultOf(current)
  if (fault !== null)
    throw new OperatorError(`The catalogue of src/events/catalogue is none: ${fault}. See all: npm run catalogue -- check`)
  return current
}

/** The document of the catalogue as it is. @throws {OperatorError} it lacks what every event has */
export function asyncApiYaml(): string {
  const described = { ...readableCurrent(), consumers: listedConsumers, defaultTopic: DEFAULT_TOPIC }
  // Many readers know YAML 1.1 alone, where a timestamp without quotes is no text. https://yaml.org/type/timestamp.html
  return stringify(asyncApiOf(described), { version: '1.1', lineWidth: 120, aliasDuplicateObjects: false })
}

async function outdated(): Promise<readonly string[]> {
  const written = await readFile(document, 'utf8').catch(() => '')
  return written === asyncApiYaml()
    ? []
    : ['config/events/asyncapi.yaml is not that of the catalogue. Write it: npm run catalogue -- write']
}
