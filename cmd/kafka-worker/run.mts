import { isProjecting } from '../../src/model/consumer.ts'
import { Command } from 'commander'
import { configTable, describeConfig } from '../../config/describe.ts'
import { environment } from '../../config/environment.ts'
import type { Config } from '../../config/load.ts'
import { listedConsumers } from '../../src/consumers/registry.ts'
import { readConfig } from './read-config.mts'
import { runDaemon } from '../../src/daemon/run.ts'
import { connectToSupervisor } from '../../src/supervisor/supervised.ts'
import { openLogDestination } from '../../src/infra/telemetry/log-destination.ts'
import { createLog } from '../../src/infra/telemetry/log.ts'
import { measureWithMonotonicTime } from '../../src/std/clock.ts'
import { withWholeOutput } from '../../src/std/with-whole-output.ts'
import type { Observe } from '../../src/model/fact.ts'
import { signals } from './signals.mts'
import packageJson from '../../package.json' with { type: 'json' }

/**
 * Reads the command line and the configuration, and runs the daemon; resolves to the exit code.
 *
 * @param surroundings.observe receives every fact of the path; for a program that observes the daemon it runs
 * @param surroundings.early signals that arrived before there was a handler, oldest first; more may be added until this resolves
 * @param surroundings.processName of a process that a supervisor has started and stops (src/supervisor)
 */
export async function main(args: readonly string[], surroundings: Surroundings = {}): Promise<number> {
  const command = new Command('kafka-worker')
    .description('Runs the consumer groups on the topic of domain events. Configured by environment variables: see --check-config.')
    .option('--check-config', 'print every variable with its effective value and source, and all problems; then exit')
    .option('--json', 'with --check-config: print one JSON object')
    .version(packageJson.version)
    .addHelpText('after', '\nhealthcheck [--live|--ready]  instead of options: queries the daemon that runs here; exit code 0 or 1')
    .showHelpAfterError('(--help shows how it is used)')
  command.parse([...args], { from: 'user' })
  const options = command.opts<{ checkConfig?: boolean; json?: boolean }>()
  if (options.json === true && options.checkConfig !== true) {
    printErrors(['--json needs --check-config: the log of the daemon is always JSON.'])
    return 1
  }

  const { config, problems } = readConfig(environment)
  if (options.checkConfig === true) {
    return withWholeOutput(() => {
      report(options.json === true, problems, config?.warnings ?? [])
      return config === null ? 1 : 0
    })
  }
  printErrors(problems)
  return config === null ? 1 : run(config, surroundings)
}

interface Surroundings {
  readonly observe?: Observe
  readonly early?: readonly string[]
  readonly processName?: string | undefined
}

function report(asJson: boolean, problems: readonly string[], warnings: readonly string[]): void {
  const variables = describeConfig(environment)
  process.stdout.write(`${asJson ? JSON.stringify({ variables, problems, warnings }) : configTable(variables)}\n`)
  printErrors([...problems, ...warnings])
}

function printErrors(sentences: readonly string[]): void {
  if (sentences.length > 0) process.stderr.write(`${sentences.join('\n')}\n`)
}

function run(config: Config, { observe, early = [], processName }: Surroundings): Promise<number> {
  measureWithMonotonicTime()
  const { topic, brokers, poolSize, groupPrefix } = config.kafka
  const groups = listedConsumers
    .filter(({ name }) => config.kafka.groups.includes(name))
    .map((consumer) => ({
      name: groupPrefix + consumer.name,
      types: consumer.types,
      topic: consumer.topic ?? topic,
      workers: isProjecting(consumer) ? 0 : (consumer.poolSize ?? poolSize),
    }))
  const supervisor = processName === undefined ? null : connectToSupervisor()
  return runDaemon({
    config,
    log: createLog({ level: config.log.level, destination: openLogDestination(), process: processName }),
    version: packageJson.version,
    startup: { topic, brokers, poolSize, mailRestricted: config.mail.allowedRecipients !== undefined, groups },
    // The block that a terminal shows is the same for every process.
    output: processName === undefined || processName === '1' ? process.stdout : { write: () => undefined },
    terminal: process.stderr,
    observe,
    onServing: (port) => supervisor?.report({ is: 'serving', port }),
    onReady: () => supervisor?.report({ is: 'ready' }),
    on(purpose, act) {
      const handled: readonly string[] = signals[purpose]
      const listener = supervisor === null ? act : supervisor.listen(purpose === 'stop', handled, act)
      for (const signal of handled) process.on(signal, () => listener(signal))
      for (const signal of early) if (handled.includes(signal)) listener(signal)
    },
  })
}
