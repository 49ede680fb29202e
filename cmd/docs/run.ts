import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { releasesIn } from '../../src/catalogue/released.ts'
import { brokenRules } from '../../src/catalogue/rules.ts'
import { listedConsumers } from '../../src/consumers/registry.ts'
import { events } from '../../src/events/catalogue/events.ts'
import { catalogueVersion } from '../../src/events/catalogue/version.ts'
import { OperatorError } from '../../src/std/failure.ts'
import { asyncApiYaml, DEFAULT_TOPIC, releases } from '../catalogue/run.ts'
import { eventSources } from './event-sources.ts'
import type { Assets } from './page-frame.ts'
import { siteOf, type SiteFile } from './site.ts'
import { writeSite } from './write-site.ts'

/** `npm run docs`: writes the documentation of the catalogue as a static site. Resolves to the exit code. */
export async function run(args: readonly string[]): Promise<number> {
  const command = new Command('docs')
    .description('Writes the documentation of the events: a static site, which can be opened as files and put on any static host.')
    .option('--out <folder>', 'where to', '.site')
    .parse([...args], { from: 'user' })
  const { out } = command.opts<{ out: string }>()
  try {
    await writeSite(out, await currentSite())
    process.stdout.write(`${path.join(out, 'index.html')} is written: ${events.length} events of catalogue ${catalogueVersion}.\n`)
    return 0
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error
    process.stderr.write(`${error.message}\n`)
    return 1
  }
}

/**
 * The site of the catalogue as it is.
 *
 * @throws {OperatorError} the catalogue breaks a rule
 */
export async function currentSite(): Promise<readonly SiteFile[]> {
  const faults = brokenRules(events, listedConsumers, DEFAULT_TOPIC)
  if (faults.length > 0) throw new OperatorError(faults.join('\n'))
  const input = {
    version: catalogueVersion,
    events,
    consumers: listedConsumers,
    defaultTopic: DEFAULT_TOPIC,
    releases: await releasesIn(releases),
    sources: await eventSources(
      repository,
      events.map(({ type }) => type),
    ),
  }
  return siteOf(input, await siteAssets(), asyncApiYaml())
}

const repository = fileURLToPath(new URL('../../', import.meta.url))

/** The style and the script of every page. */
export async function siteAssets(): Promise<Assets> {
  return { style: await browserFile('site.css'), script: await browserFile('site.js') }
}

function browserFile(name: string): Promise<string> {
  return readFile(new URL(`browser/${name}`, import.meta.url), 'utf8')
}
