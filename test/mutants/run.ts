import { fileURLToPath } from 'node:url'
import { Command, InvalidArgumentError } from 'commander'
import { messageOf } from '../../src/std/failure.ts'
import { startKafka } from '../../stack/kafka-broker.ts'
import { startPostgres } from '../../stack/postgres-server.ts'
import type { RunningStack } from '../support/running-stack.ts'
import type { Mutant, Scenario } from './mutant.ts'
import { mutants } from './mutants.ts'
import { applyMutant } from './apply-mutant.ts'
import { runScenario } from './run-scenario.ts'
import type { ScenarioResult } from './scenario-result.ts'
import { checkTypes, workCopy } from './work-copy.ts'

interface Options {
  readonly only?: readonly Mutant[]
  readonly shard?: readonly [number, number]
  readonly list?: true
  readonly keep?: true
}

const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '')

/** Applies the mutants one at a time and runs the scenario of each; resolves to 0 only if all were found. */
export async function run(args: readonly string[]): Promise<number> {
  const command = new Command('test:mutants')
    .description(
      'Breaks the program on purpose, one promise at a time, and shows which scenario detects it. The last line is `found N of N`.',
    )
    .option('--only <names>', 'only these mutants, by name or number, separated by commas', chosen)
    .option('--shard <i/n>', 'every n-th mutant, starting with the i-th', shard)
    .option('--list', 'list the mutants and exit')
    .option('--keep', 'keep the broken copies, and print their folders')
    .parse([...args], { from: 'user' })
  const options = command.opts<Options>()
  const [at, of] = options.shard ?? [1, 1]
  const wanted = (options.only ?? mutants).filter((_, index) => index % of === at - 1)
  if (options.list) {
    for (const mutant of wanted) print(`${numberOf(mutant)} ${mutant.name}: ${mutant.because}\n   ${mutant.scenario.file}`)
    return 0
  }

  const stopping = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort())
  const [kafka, postgres] = await Promise.all([startKafka({ onProgress: progress }), startPostgres({ onProgress: progress })])
  try {
    const stack = { kafkaBootstrap: kafka.bootstrap, postgresUrl: postgres.url }
    return await runMutants(wanted, { stack, signal: stopping.signal, keep: options.keep === true })
  } finally {
    await Promise.all([kafka.stop(), postgres.stop()])
  }
}

interface MutantRun {
  readonly stack: RunningStack
  readonly signal: AbortSignal
  readonly keep: boolean
}

async function runMutants(wanted: readonly Mutant[], on: MutantRun): Promise<number> {
  const begun = performance.now()
  const unbroken = await workCopy(root)
  const greens = new Map<string, ScenarioResult>()
  let found = 0
  try {
    for (const mutant of wanted) {
      const from = performance.now()
      const isFound = (await isGreenUnbroken(mutant.scenario, unbroken.path, greens, on)) && (await isDetected(mutant, on))
      if (isFound) found += 1
      print(`   ${seconds(from)}`)
      if (on.signal.aborted) break
    }
  } finally {
    await unbroken.remove()
  }
  progress(`${seconds(begun)} in all`)
  print(`found ${found} of ${wanted.length}`)
  return found === wanted.length ? 0 : 1
}

/** Whether the scenario is green in the unbroken program, run once per scenario: a red scenario would prove nothing. */
async function isGreenUnbroken(scenario: Scenario, copy: string, greens: Map<string, ScenarioResult>, on: MutantRun): Promise<boolean> {
  const key = `${scenario.file} ${scenario.test}`
  const result = greens.get(key) ?? (await runScenario(copy, scenario, on.stack, on.signal))
  greens.set(key, result)
  if (result.is !== 'green') print(`NOT GREEN without a mutant: ${scenario.file}\n   ${result.reason}`)
  return result.is === 'green'
}

const missed: Readonly<Record<Exclude<ScenarioResult['is'], 'history'>, string>> = {
  green: 'the scenario is green',
  broken: 'which shows nothing: the scenario could not run',
  assertion: 'the scenario failed by an expectation, not by a deadline',
  deadline: 'the scenario failed by a deadline, not by an expectation',
}

async function isDetected(mutant: Mutant, on: MutantRun): Promise<boolean> {
  const copy = await workCopy(root)
  try {
    const { is, reason } = await underMutant(mutant, copy.path, on)
    const isFound = is === mutant.fails || is === 'history'
    const word = isFound ? 'found' : `NOT FOUND, ${missed[is]}`
    print(`${numberOf(mutant)} ${mutant.name}: ${word}\n   ${mutant.scenario.file}${reason === '' ? '' : `\n   ${reason}`}`)
    return isFound
  } finally {
    if (on.keep) progress(`   ${copy.path}`)
    else await copy.remove()
  }
}

/** A mutant that cannot be applied, or does not compile, shows nothing. */
async function underMutant(mutant: Mutant, copy: string, on: MutantRun): Promise<ScenarioResult> {
  try {
    applyMutant(copy, mutant)
    await checkTypes(copy, on.signal)
  } catch (error) {
    return { is: 'broken', reason: messageOf(error) }
  }
  return runScenario(copy, mutant.scenario, on.stack, on.signal)
}

function chosen(text: string): readonly Mutant[] {
  return text.split(',').map((word) => {
    const mutant = mutants.find((known) => known.name === word.trim() || String(numberOf(known)) === word.trim())
    if (mutant === undefined) throw new InvalidArgumentError(`No mutant is called "${word}"; --list names them.`)
    return mutant
  })
}

function shard(text: string): readonly [number, number] {
  const [, at, of] = (/^([1-9]\d*)\/([1-9]\d*)$/.exec(text) ?? []).map(Number)
  if (at === undefined || of === undefined || at > of) throw new InvalidArgumentError('The form is 2/5: the second of five.')
  return [at, of]
}

function numberOf(mutant: Mutant): number {
  return mutants.indexOf(mutant) + 1
}

function seconds(from: number): string {
  return `${((performance.now() - from) / 1_000).toFixed(1)} s`
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

function progress(line: string): void {
  process.stderr.write(`${line}\n`)
}
