import { Option, type Command } from 'commander'
import { databaseRefusal } from '../../src/admin/database-sentence.ts'
import { checkNames, type CheckName, type CheckResult } from '../../src/admin/doctor/check.ts'
import { chosenChecks, runChecks, stoppedAt } from '../../src/admin/doctor/run-checks.ts'
import { systemClock } from '../../src/std/clock.ts'
import { SqlError } from '../../src/std/sql.ts'
import { coloured } from './colour.ts'
import { requireNoFile, writeBundle } from './doctor-bundle.ts'
import { doctorChecks, doctorConfig, openServers } from './doctor-checks.ts'
import { knownChoice } from './known-choice.ts'
import { renderJson } from './render-json.ts'
import type { Terminal } from './terminal.ts'
import { differenceFound } from './topics-wanted.ts'

interface Options {
  readonly json?: boolean
  readonly only?: readonly CheckName[]
  readonly bundle?: string
}

const HELP = `
Checks everything that a daemon with this environment needs, in this order, and says of each what is wrong and the way out:

  configuration  broker  tls  login  topics  partitions  acls  groups  dead-letters
  registry  database  migrations  rights  indexes  clock  smtp  webhooks

A check that needs one that failed is skipped; the others go on. Nothing is written anywhere: no group is joined, no topic created, no
mail sent, no request posted. Every check ends after 10 seconds at the latest, and says how long it waited. The brokers say which rights
our user has; of the webhooks at most 5 origins are tried, by a connection only.

--bundle writes a file for a support case: versions, variables (secrets masked), the results, lag, counts of intents and dead letters by
reason, open breakers (of a webhook only scheme, host and port), migrations, topics, and settings of PostgreSQL. It holds no secret, no mail
address and nothing of an event; it is readable by you only, and an existing file is never overwritten.

Exit code 0 if all is well, 2 if a check warns or fails.

Examples:
  npm run workerctl -- doctor
  npm run workerctl -- doctor --only acls smtp
  npm run workerctl -- doctor --bundle diagnosis.json
  npm run -s workerctl -- doctor --json`

export function addDoctor(parent: Command, terminal: Terminal): void {
  parent
    .command('doctor')
    .description('check everything that a daemon needs, and say what is wrong and the way out; changes nothing')
    .option('--json', 'print one JSON object')
    .addOption(knownChoice(new Option('--only <names...>', 'only these checks, and those that they need'), 'check', checkNames))
    .option('--bundle <file>', 'also write a diagnostic file without secrets and personal data')
    .addHelpText('after', HELP)
    .action(async (options: Options) => {
      if (options.bundle !== undefined) requireNoFile(options.bundle)
      const read = doctorConfig(terminal.environment)
      const servers = read.config === null ? null : openServers(read.config)
      try {
        const results = await runChecks(chosenChecks(doctorChecks(read, servers, systemClock), options.only), {
          clock: systemClock,
          sentenceOf: (error) => (error instanceof SqlError ? databaseRefusal(error).message : null),
          onResult: (result) => {
            if (options.json !== true) for (const line of linesOf(result, terminal)) terminal.out(line)
          },
        })
        if (options.bundle !== undefined) {
          await writeBundle(options.bundle, { results, servers, config: read.config }, terminal, systemClock)
          terminal.err(`Wrote ${options.bundle}.`)
        }
        const stopped = stoppedAt(results)
        const ok = results.every(({ is }) => is === 'ok')
        if (options.json === true) terminal.out(renderJson({ ok, stoppedAt: stopped?.name ?? null, checks: results }))
        else terminal.out(conclusionOf(results))
        if (!ok) throw differenceFound()
      } finally {
        await servers?.close()
      }
    })
}

const NAME_WIDTH = Math.max(...checkNames.map(({ length }) => length))
const INDENT = ' '.repeat('warning'.length + NAME_WIDTH + 4)

/** A check as it is printed: its verdict and name, and what is wrong with the ways out. */
export function linesOf(
  { name, is, sentence, findings }: CheckResult,
  terminal: Pick<Terminal, 'isTerminal' | 'environment'>,
): readonly string[] {
  const shown = coloured(terminal, is) + ' '.repeat('warning'.length - is.length)
  const [first, ...more] = findings
  const head = `${shown}  ${name.padEnd(NAME_WIDTH)}  `
  if (first === undefined) return [`${head}${sentence}`]
  // Which address answered and what was tried stands above a warning, and below a failure: its line begins with what is wrong.
  const aside = findings.some((finding) => finding.sentence === sentence) ? [] : [sentence]
  const wrong = [first, ...more].flatMap((finding) => [finding.sentence, `-> ${finding.fix}`])
  const [top, ...others] = is === 'failed' ? [...wrong, ...aside] : [...aside, ...wrong]
  return [`${head}${top}`, ...others.map((line) => `${INDENT}${line}`)]
}

function conclusionOf(results: readonly CheckResult[]): string {
  const stopped = stoppedAt(results)
  const counts = (['failed', 'warning', 'skipped', 'ok'] as const)
    .map((word) => [word, results.filter(({ is }) => is === word).length] as const)
    .filter(([, count]) => count > 0)
    .map(([word, count]) => `${count} ${word}`)
    .join(', ')
  const total = `${results.length} ${results.length === 1 ? 'check' : 'checks'}`
  if (stopped === null) return `${total}: ${counts}.`
  return `${total}: ${counts}. Stopped here: ${stopped.name}. Fix it first: ${stopped.findings[0]?.fix ?? ''}.`
}
