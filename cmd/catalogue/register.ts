import type { Command } from 'commander'
import { schemaRegistryOf } from '../../config/schema-registry.ts'
import { registerEvents, type Registration } from '../../src/catalogue/registration.ts'
import { events } from '../../src/events/catalogue/events.ts'
import { createRegistryClient } from '../../src/infra/registry/registry-client.ts'

const HELP = `
Each schema is registered under the name of its event, which is that of its record too: set the publishers to the record name strategy. A schema
that is there already stays as it is. With --dry-run the command exits with 2 when something would be registered, and with 1 when the registry
would refuse it.

Examples:
  KAFKA_SCHEMA_REGISTRY_URL=https://user:password@registry.example.com npm run catalogue -- register --dry-run
  KAFKA_SCHEMA_REGISTRY_URL=https://user:password@registry.example.com npm run catalogue -- register`

/** @param onDone is called with what became of each schema */
export function addRegister(program: Command, onDone: (registrations: readonly Registration[]) => void): void {
  program
    .command('register')
    .description('Register the events in Avro at the schema registry of KAFKA_SCHEMA_REGISTRY_URL.')
    .option('--dry-run', 'say what would be registered, and change nothing')
    .addHelpText('after', HELP)
    .action(async ({ dryRun = false }: { readonly dryRun?: boolean }) => {
      const access = schemaRegistryOf(process.env)
      const registrations = await registerEvents(
        events,
        createRegistryClient(() => access),
        { dryRun },
      )
      process.stdout.write(registrations.map(({ sentence }) => `${sentence}\n`).join(''))
      onDone(registrations)
    })
}
