import { Command } from 'commander'
import { configTable, describeConfig } from '../../config/describe.ts'
import { environment } from '../../config/environment.ts'
import { loadConfig } from '../../config/load.ts'
import { knownGroups, listedConsumers } from '../../src/consumers/known-groups.ts'
import { runDaemon } from '../../src/daemon.ts'
import { openLogDestination } from '../../src/infra/telemetry/log-destination.ts'
import { createLog } from '../../src/infra/telemetry/log.ts'
import { OperatorError } from '../../src/std/failure.ts'
import packageJson from '../../package.json' with { type: 'json' }

/** Reads the command line and the configuration, and runs the daemon; resolves to the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const command = new Command('kafka-worker')
    .description('Runs the consumer groups of the domain-events topic. Configured by environment variables: see --check-config.')
    .option('--check-config', 'print every variable with its effective value and where it came from, then exit')
    .option('--json', 'with --check-config: print JSON')
    .version(packageJson.version)
  command.parse([...args], { from: 'user' })
  const options = command.opts<{ checkConfig?: boolean; json?: boolean }>()

  if (options.checkConfig === true) {
    const rows = describeConfig(environment)
    process.stdout.write(`${options.json === true ? JSON.stringify(rows) : configTable(rows)}\n`)
  }
  try {
    const config = loadConfig(environment, knownGroups)
    if (options.checkConfig === true) return 0
    const log = createLog({ level: config.log.level, destination: openLogDestination() })
    const { topic, brokers, poolSize, groupPrefix } = config.kafka
    const groups = listedConsumers
      .filter(({ name }) => config.kafka.groups.includes(name))
      .map((consumer) => ({ name: groupPrefix + consumer.name, types: consumer.types, workers: consumer.poolSize ?? poolSize }))
    return await runDaemon({
      config,
      log,
      version: packageJson.version,
      startup: { topic, brokers, poolSize, groups },
      output: process.stdout,
      onStopSignal(listener) {
        for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => listener(signal))
      },
    })
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error
    process.stderr.write(`${error.message}\n`)
    return 1
  }
}
