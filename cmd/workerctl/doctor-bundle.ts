import { existsSync, writeFileSync } from 'node:fs'
import { availableParallelism, freemem, release, totalmem } from 'node:os'
import { describeConfig } from '../../config/describe.ts'
import type { Config } from '../../config/load.ts'
import { secretsOf } from '../../config/secrets.ts'
import { collectSections, type Section } from '../../src/admin/doctor/diagnostic-sections.ts'
import type { CheckResult } from '../../src/admin/doctor/check.ts'
import { createScrubber } from '../../src/admin/doctor/scrub.ts'
import { createDiagnostics } from '../../src/infra/postgres/admin/postgres-diagnostics.ts'
import type { Clock } from '../../src/std/clock.ts'
import { messageOf, OperatorError } from '../../src/std/failure.ts'
import packageJson from '../../package.json' with { type: 'json' }
import type { DoctorServers } from './doctor-checks.ts'
import type { Terminal } from './terminal.ts'

const SECTION_DEADLINE_MS = 10_000

/** @throws {OperatorError} the file exists: found before anything is checked. */
export function requireNoFile(path: string): void {
  if (existsSync(path)) throw new OperatorError(`The file ${path} exists already: name another one by --bundle, or remove it.`)
}

/**
 * Writes the diagnostic file, readable by this user only.
 *
 * @throws {OperatorError} it cannot be written, or exists.
 */
export async function writeBundle(
  path: string,
  of: { readonly results: readonly CheckResult[]; readonly servers: DoctorServers | null; readonly config: Config | null },
  { environment }: Pick<Terminal, 'environment'>,
  clock: Clock,
): Promise<void> {
  const { results, servers, config } = of
  const sections = servers === null || config === null ? [] : sectionsOf(config, servers)
  const content = {
    format: 1,
    createdAt: new Date(clock.now()),
    versions: { worker: packageJson.version, node: process.versions.node, openssl: process.versions.openssl },
    machine: {
      platform: process.platform,
      arch: process.arch,
      kernel: release(),
      cpus: availableParallelism(),
      memoryBytes: totalmem(),
      freeBytes: freemem(),
    },
    configuration: describeConfig(environment),
    checks: results,
    ...(await collectSections(sections, results, { clock, deadlineMs: SECTION_DEADLINE_MS })),
  }
  const text = `${JSON.stringify(createScrubber(secretsOf(environment))(content), null, 2)}\n`
  try {
    writeFileSync(path, text, { flag: 'wx', mode: 0o600 })
  } catch (error) {
    throw new OperatorError(`The file ${path} cannot be written (${messageOf(error)}): name another one by --bundle.`)
  }
}

function sectionsOf(config: Config, { admin, sql, groups, reader }: DoctorServers): readonly Section[] {
  const counts = createDiagnostics(sql)
  const names = [...new Set([config.kafka.topic, ...groups.map((group) => group.topic)])]
  return [
    { name: 'topics', needs: 'topics', read: () => admin.topicStates(names) },
    {
      name: 'lag',
      needs: 'topics',
      read: () =>
        Promise.all(
          groups.map(async (group) => {
            // Commits before ends, so that the lag is never negative.
            const committed = await admin.committed(group.id, group.topic)
            const ranges = await admin.ranges(group.topic)
            const partitions = [...ranges].map(([partition, { low, high }]) => {
              const next = committed.get(partition) ?? null
              return { partition, low, high, committed: next, lag: high - (next ?? low) }
            })
            return { group: group.id, topic: group.topic, ...(await admin.groupState(group.id)), partitions }
          }),
        ),
    },
    { name: 'progress', needs: 'migrations', read: () => counts.progress() },
    { name: 'intents', needs: 'migrations', read: () => counts.intents() },
    { name: 'deadLetters', needs: 'migrations', read: () => counts.deadLetters() },
    { name: 'breakers', needs: 'migrations', read: () => counts.breakers() },
    { name: 'migrations', needs: 'database', read: () => reader.migrations() },
    { name: 'tables', needs: 'migrations', read: () => counts.tables() },
    { name: 'settings', needs: 'database', read: () => counts.settings() },
  ]
}
