import { fileURLToPath } from 'node:url'
import { Command, InvalidArgumentError } from 'commander'
import { messageOf } from '../../src/std/failure.ts'
import { startKafka } from '../../stack/kafka-broker.ts'
import { startPostgres } from '../../stack/postgres-server.ts'
import type { RunningStack } from '../support/running-stack.ts'
import type { Mutant, Scenario } from './mutant.ts'
import { mutants } from './mutants.ts'
import { plant } from './plant.ts'
import { runScenario } from './run-scenario.ts'
import type { Verdict } from './verdict.ts'
import { checkTypes, workCopy } from './work-copy.ts'

interface Options {
  readonly only?: readonly Mutant[]
  readonly shard?: readonly [number, number]
  readonly list?: true
  readonly keep?: true
}

const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '')

/** Plants the mutants one at a time and runs the scenario of each; resolves to 0 only if every one was found. */
export async function run(args: readonly string[]): Promise<number> {
  const command = new Command('test:mutants')
    .description('Breaks the program on purpose, one promise at a time, and shows which scenario notices. The last line is `found N of N`.')
    .option('--only <names>', 'these, by name or number, separated by commas', chosen)
    .option('--shard <i/n>', 'each n-th, beginning with the i-th', shard)
    .option('--list', 'name them and end')
    .option('--keep', 'leave the broken copies, and say where they are')
    .parse([...args], { from: 'user' })
  const options = command.opts<Options>()
  const [at, of] = options.shard ?? [1, 1]
  const wanted = (options.only ?? mutants).filter((_, index) => index % of === at - 1)
  if (options.list) {
    for (const mutant of wanted) say(`${numberOf(mutant)} ${mutant.name}: ${mutant.because}\n   ${mutant.scenario.file}`)
    return 0
  }

  const stopping = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort())
  const [kafka, postgres] = await Promise.all([startKafka({ onProgress: tell }), startPostgres({ onProgress: tell })])
  try {
    const stack = { kafkaBootstrap: kafka.bootstrap, postgresUrl: postgres.url }
    return await hunt(wanted, { stack, signal: stopping.signal, keep: options.keep === true })
  } finally {
    await Promise.all([kafka.stop(), postgres.stop()])
  }
}

interface Hunt {
  readonly stack: RunningStack
  readonly signal: AbortSignal
  readonly keep: boolean
}

async function hunt(wanted: readonly Mutant[], on: Hunt): Promise<number> {
  const begun = performance.now()
  const sound = await workCopy(root)
  const greens = new Map<string, Verdict>()
  let found = 0
  try {
    for (const mutant of wanted) {
      const from = performance.now()
      const isFound = (await soundly(mutant.scenario, sound.path, greens, on)) && (await noticed(mutant, on))
      if (isFound) found += 1
      say(`   ${seconds(from)}`)
      if (on.signal.aborted) break
    }
  } finally {
    await sound.remove()
  }
  tell(`${seconds(begun)} in all`)
  say(`found ${found} of ${wanted.length}`)
  return found === wanted.length ? 0 : 1
}

/** The scenario is green where nothing is broken; asked once. Red there, it would prove nothing. */
async function soundly(scenario: Scenario, copy: string, greens: Map<string, Verdict>, on: Hunt): Promise<boolean> {
  const key = `${scenario.file} ${scenario.test}`
  const verdict = greens.get(key) ?? (await runScenario(copy, scenario, on.stack, on.signal))
  greens.set(key, verdict)
  if (verdict.is !== 'green') say(`NOT GREEN without a mutant: ${scenario.file}\n   ${verdict.reason}`)
  return verdict.is === 'green'
}

const missed: Readonly<Record<Exclude<Verdict['is'], 'history'>, string>> = {
  green: 'the scenario is green',
  broken: 'which shows nothing: it could not be run',
  assertion: 'the scenario failed by what it expects, not by a deadline',
  deadline: 'the scenario failed by a deadline, not by what it expects',
}

async function noticed(mutant: Mutant, on: Hunt): Promise<boolean> {
  const copy = await workCopy(root)
  try {
    const { is, reason } = await underMutant(mutant, copy.path, on)
    const isFound = is === mutant.fails || is === 'history'
    const word = isFound ? 'found' : `NOT FOUND, ${missed[is]}`
    say(`${numberOf(mutant)} ${mutant.name}: ${word}\n   ${mutant.scenario.file}${reason === '' ? '' : `\n   ${reason}`}`)
    return isFound
  } finally {
    if (on.keep) tell(`   ${copy.path}`)
    else await copy.remove()
  }
}

/** What does not fit the program, or makes none of it, shows nothing. */
async function underMutant(mutant: Mutant, copy: string, on: Hunt): Promise<Verdict> {
  try {
    plant(copy, mutant)
    await checkTypes(copy, on.signal)
  } catch (error) {
    return { is: 'broken', reason: messageOf(error) }
  }
  return runScenario(copy, mutant.scenario, on.stack, on.signal)
}

function chosen(text: string): readonly Mutant[] {
  return text.split(',').map((word) => {
    const mutant = mutants.find((one) => one.name === word.trim() || String(numberOf(one)) === word.trim())
    if (mutant === undefined) throw new InvalidArgumentError(`No mutant is called "${word}"; --list names them.`)
    return mutant
  })
}

function shard(text: string): readonly [number, number] {
  const [, at, of] = (/^([1-9]\d*)\/([1-9]\d*)$/.exec(text) ?? []).map(Number)
  if (at === undefined || of === undefined || at > of) throw new InvalidArgumentError('It has the form 2/5: the second of five.')
  return [at, of]
}

function numberOf(mutant: Mutant): number {
  return mutants.indexOf(mutant) + 1
}

function seconds(from: number): string {
  return `${((performance.now() - from) / 1_000).toFixed(1)} s`
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

function tell(line: string): void {
  process.stderr.write(`${line}\n`)
}
