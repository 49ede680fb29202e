import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startPostgres } from '../../stack/postgres-server.ts'
import { probesOf, notReadyFor } from '../support/faults/probes.ts'
import { createFixture } from '../support/fixture.ts'

test('on a quiet topic, a database in recovery or in read-only mode makes the process unready and names the way out, and a start waits for it', async () => {
  const server = await startPostgres()
  try {
    await using fixture = await createFixture({ partitions: 1, databaseUrl: await server.createDatabase('refuses') })
    const daemon = fixture.daemon({ KAFKA_GROUPS: 'reward-workers' })
    await daemon.ready()

    await server.halt()
    // Such a server is a standby: it answers, and waits for a primary's log.
    await writeFile(join(server.dataDir, 'standby.signal'), '')
    await server.resume()
    await notReadyFor(daemon, /^database: database-refuses: The database is in recovery and accepts no writes .*DATABASE_URL/)
    expect((await probesOf(daemon)).live).toBe(true)
    await fixture.sql.query('SELECT pg_promote()')
    await daemon.ready()

    await fixture.sql.query('ALTER SYSTEM SET default_transaction_read_only = on')
    await fixture.sql.query('SELECT pg_reload_conf()')
    await notReadyFor(daemon, /^database: database-refuses: The database accepts no writes: default_transaction_read_only is on/)
    const late = fixture.daemon({ KAFKA_GROUPS: 'reward-workers' })
    await expect.poll(() => late.lines.some(({ msg }) => msg.startsWith('The database accepts no writes'))).toBe(true)
    await fixture.sql.query('ALTER SYSTEM RESET default_transaction_read_only')
    await fixture.sql.query('SELECT pg_reload_conf()')
    await Promise.all([daemon.ready(), late.ready()])
    expect(daemon.lines.filter(({ msg }) => msg === 'database is down').map(({ cause }) => cause)).toEqual(
      expect.arrayContaining([expect.stringMatching(/in recovery/), expect.stringMatching(/default_transaction_read_only/)]),
    )
  } finally {
    await server.stop()
  }
})
