import { mkdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { stringify } from 'yaml'
import { asyncApiOf } from '../../src/catalogue/asyncapi.ts'
import { brokenRules } from '../../src/catalogue/rules.ts'
import { listedConsumers } from '../../src/consumers/registry.ts'
import { events } from '../../src/events/catalogue/events.ts'
import { catalogueVersion } from '../../src/events/catalogue/version.ts'

const DEFAULT_TOPIC = 'domain-events'

/** `npm run catalogue`: for those who change the catalogue of events. Resolves to the exit code. */
export async function run(args: readonly string[]): Promise<number> {
  let code = 0
  const program = new Command('catalogue').description('Checks the catalogue of events, and writes what follows from it.')
  program
    .command('check')
    .description('Check names, owners, schemas, examples and consumers, and that the written document is that of the catalogue.')
    .action(async () => {
      const faults = [...brokenRules(events, listedConsumers, DEFAULT_TOPIC), ...(await outdated())]
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
  await program.parseAsync([...args], { from: 'user' })
  return code
}

const document = fileURLToPath(new URL('../../config/events/asyncapi.yaml', import.meta.url))

/** The document of the catalogue as it is. */
export function asyncApiYaml(): string {
  const described = { version: catalogueVersion, events, consumers: listedConsumers, defaultTopic: DEFAULT_TOPIC }
  return stringify(asyncApiOf(described), { lineWidth: 120, aliasDuplicateObjects: false })
}

async function outdated(): Promise<readonly string[]> {
  const written = await readFile(document, 'utf8').catch(() => '')
  return written === asyncApiYaml()
    ? []
    : ['config/events/asyncapi.yaml is not that of the catalogue. Write it: npm run catalogue -- write']
}
