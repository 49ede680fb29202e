import { afterAll, beforeAll } from 'vitest'
import { registerEvents } from '../../src/catalogue/registration.ts'
import { events } from '../../src/events/catalogue/events.ts'
import { createRegistryClient, type RegistryClient } from '../../src/infra/registry/registry-client.ts'
import { startSchemaRegistry, type SchemaRegistryServer } from '../../stack/schema-registry.ts'

/** A real schema registry for the tests of the file that calls this, with every event of the catalogue registered. */
export function useRegisteredEvents(): { readonly server: () => SchemaRegistryServer; readonly client: () => RegistryClient } {
  let server: SchemaRegistryServer
  let client: RegistryClient
  beforeAll(async () => {
    server = await startSchemaRegistry()
    client = createRegistryClient(() => server)
    await registerEvents(events, client, { dryRun: false })
  }, 600_000)
  afterAll(() => server.stop())
  return { server: () => server, client: () => client }
}
