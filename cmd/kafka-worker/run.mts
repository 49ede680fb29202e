import { Command } from 'commander'
import { configTable, describeConfig } from '../../config/describe.ts'
import { environment } from '../../config/environment.ts'
import { ConfigError, loadConfig, type Config } from '../../config/load.ts'
import { knownGroups, listedConsumers } from '../../src/consumers/known-groups.ts'
import { runDaemon } from '../../src/daemon.ts'
import { parseSmtpUrl } from '../../src/infra/mail/smtp-url.ts'
import { openLogDestination } from '../../src/infra/telemetry/log-destination.ts'
import { createLog } from '../../src/infra/telemetry/log.ts'
import { asSentence } from '../../src/operator/as-sentence.ts'
import { OperatorError } from '../../src/std/failure.ts'
import type { Observe } from '../../src/worker/fact.ts'
import packageJson from '../../package.json' with { type: 'json' }

/**
 * Reads the command line and the configuration, and runs the daemon; resolves to the exit code.
 *
 * @param observe hears every fact of the path; for a program that runs the daemon under its eyes.
 */
export async function main(args: readonly string[], observe?: Observe): Promise<number> {
  const command = new Command('kafka-worker')
    .description('Runs the consumer groups of the domain-events topic. Configured by environment variables: see --check-config.')
    .option('--check-config', 'print every variable with its effective value and where it came from, and what is wrong; then exit')
    .option('--json', 'with --check-config: print one JSON object')
    .version(packageJson.version)
    .addHelpText('after', '\nhealthcheck [--live|--ready]  in place of all options: asks the daemon that runs here, exits 0 or 1')
    .showHelpAfterError('(--help shows how it is used)')
  command.parse([...args], { from: 'user' })
  const options = command.opts<{ checkConfig?: boolean; json?: boolean }>()
  if (options.json === true && options.checkConfig !== true) {
    complain(['--json needs --check-config: the log of the daemon is JSON in any case.'])
    return 1
  }

  const { config, problems } = readConfig()
  if (options.checkConfig === true) report(options.json === true, problems, config?.warnings ?? [])
  else complain(problems)
  if (config === null) return 1
  return options.checkConfig === true ? 0 : run(config, observe)
}

/** The configuration, or all that is wrong with it. */
function readConfig(): { readonly config: Config | null; readonly problems: readonly string[] } {
  try {
    const config = loadConfig(environment, knownGroups)
    // What only the mail path knows of its URL is said here as well, before anything is connected.
    if (config.mail.smtpUrl !== undefined) parseSmtpUrl(config.mail.smtpUrl, config.mail)
    return { config, problems: [] }
  } catch (error) {
    if (error instanceof ConfigError) return { config: null, problems: error.problems }
    if (error instanceof OperatorError) return { config: null, problems: [asSentence(error.message)] }
    throw error
  }
}

function report(asJson: boolean, problems: readonly string[], warnings: readonly string[]): void {
  const variables = describeConfig(environment)
  process.stdout.write(`${asJson ? JSON.stringify({ variables, problems, warnings }) : configTable(variables)}\n`)
  complain([...problems, ...warnings])
}

function complain(sentences: readonly string[]): void {
  if (sentences.length > 0) process.stderr.write(`${sentences.join('\n')}\n`)
}

function run(config: Config, observe: Observe | undefined): Promise<number> {
  const { topic, brokers, poolSize, groupPrefix } = config.kafka
  const groups = listedConsumers
    .filter(({ name }) => config.kafka.groups.includes(name))
    .map((consumer) => ({ name: groupPrefix + consumer.name, types: consumer.types, workers: consumer.poolSize ?? poolSize }))
  return runDaemon({
    config,
    log: createLog({ level: config.log.level, destination: openLogDestination() }),
    version: packageJson.version,
    startup: { topic, brokers, poolSize, mailRestricted: config.mail.allowedRecipients !== undefined, groups },
    output: process.stdout,
    complaints: process.stderr,
    observe,
    on(asked, listener) {
      for (const signal of signals[asked]) process.on(signal, () => listener(signal))
    },
  })
}

/** USR1 is Node's own: it opens the debugger. */
const signals = {
  stop: ['SIGTERM', 'SIGINT'],
  quiet: ['SIGTSTP'],
  resume: ['SIGCONT'],
  report: ['SIGUSR2', 'SIGTTIN'],
} as const
