import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { messageOf } from '../../src/std/failure.ts'
import { monotonicMs } from '../sinks/arrivals.ts'
import { ours } from '../workers/contenders.ts'
import { playOne, sizeOf, wholeNumber, workloadOf } from '../workers/run.ts'
import { startServers, type Servers } from '../workers/servers.ts'
import { workloads, type Workload } from '../workers/workloads.ts'
import { sharesOf, type CpuProfile, type Share } from './cpu-profile.ts'
import { forgetStatements, statementCosts, statementSettings, type StatementCost } from './statements.ts'

interface Options {
  readonly events?: number
  readonly out?: string
}

const TOP = 20

/**
 * `npm run bench:profile -- WORKLOAD`: plays one workload once against the daemon, with V8's CPU profiler in it and pg_stat_statements in the
 * server; leaves both and prints the top twenty of each. Resolves to the exit code.
 */
export async function main(args: readonly string[]): Promise<number> {
  await new Command('bench:profile')
    .description('Profiles the daemon and its statements while it does the work of one workload of `npm run bench`.')
    .argument('<workload>', `one of ${workloads.map(({ name }) => name).join()}`, workloadOf)
    .option('--events <count>', 'events, in place of the number of the workload', wholeNumber)
    .option('--out <folder>', 'where the profile and the statements are left')
    .action(profile)
    .parseAsync([...args], { from: 'user' })
  return 0
}

async function profile(workload: Workload, options: Options): Promise<void> {
  const out = path.resolve(options.out ?? fileURLToPath(new URL(`../../.cache/profiles/${workload.name}`, import.meta.url)))
  await mkdir(out, { recursive: true })
  const before = await readdir(out)
  const { servers, hasStatements } = await startCounting(workload)
  let statements: readonly StatementCost[] = []
  let [from, to] = [0, Infinity]
  const probe = {
    begin: async (databaseUrl: string) => {
      if (hasStatements) await forgetStatements(databaseUrl)
      from = monotonicMs()
    },
    end: async (databaseUrl: string) => {
      to = monotonicMs()
      if (hasStatements) statements = await statementCosts(databaseUrl)
    },
  }
  const size = sizeOf(workload, options)
  try {
    const daemon = ours({ nodeArgs: ['--cpu-prof', `--cpu-prof-dir=${out}`] })
    // One start: each would leave a profile.
    await playOne(servers, daemon, workload, workload.play === 'ready' ? 1 : size, null, probe)
  } finally {
    await servers.stop()
  }
  await writeFile(path.join(out, 'statements.json'), `${JSON.stringify(statements, null, 2)}\n`)
  const found = await mainProfile(out, before)
  const { functions, places } = sharesOf(found, from, to)
  const units = workload.play === 'ready' ? 1 : size
  const lines = [
    `CPU of the main thread by function, top ${TOP}; µs per ${workload.unit}, share:`,
    ...functions.slice(0, TOP).map((share) => lineOfShare(share, units)),
    '',
    `The same by package and folder, top ${TOP}:`,
    ...places.slice(0, TOP).map((share) => lineOfShare(share, units)),
    '',
    ...(hasStatements ? statementLines(statements, units, workload.unit) : []),
    `CPU profile (for the DevTools of a browser) and statements.json are in ${out}.`,
  ]
  process.stdout.write(`${lines.join('\n')}\n`)
}

/** The servers, with statements counted where this PostgreSQL has the module for it. */
async function startCounting(workload: Workload): Promise<{ readonly servers: Servers; readonly hasStatements: boolean }> {
  const servers = await startServers({ settings: statementSettings, onProgress: writeLine })
  try {
    await servers.postgres(workload.fsync)
    return { servers, hasStatements: true }
  } catch (error) {
    await servers.stop()
    if (!messageOf(error).includes('pg_stat_statements')) throw error
    writeLine('Statements are not counted: this PostgreSQL has no pg_stat_statements.')
    return { servers: await startServers({ onProgress: writeLine }), hasStatements: false }
  }
}

/** Of the main thread of the process that was started last; worker threads leave files of their own. `before` are the files that were there already. */
async function mainProfile(folder: string, before: readonly string[]): Promise<CpuProfile> {
  const names = (await readdir(folder)).filter((name) => !before.includes(name))
  const name = names.toSorted().findLast((name) => /^CPU\.\d+\.\d+\.\d+\.0\.\d+\.cpuprofile$/.test(name))
  if (name === undefined) throw new Error(`The daemon left no CPU profile in ${folder}.`)
  const profile: CpuProfile = JSON.parse(await readFile(path.join(folder, name), 'utf8'))
  return profile
}

function lineOfShare({ name, selfMs, share }: Share, units: number): string {
  return `${((selfMs * 1_000) / units).toFixed(1).padStart(9)}  ${(share * 100).toFixed(1).padStart(5)} %  ${name}`
}

function statementLines(statements: readonly StatementCost[], units: number, unit: string): readonly string[] {
  return [
    `Statements, top ${TOP}; µs per ${unit}, calls, rows a call, ms a call, WAL bytes per ${unit}:`,
    ...statements
      .slice(0, TOP)
      .map(({ query, calls, totalMs, rows, walBytes }) =>
        [
          ((totalMs * 1_000) / units).toFixed(1).padStart(9),
          String(calls).padStart(7),
          (rows / calls).toFixed(1).padStart(7),
          (totalMs / calls).toFixed(2).padStart(8),
          (walBytes / units).toFixed(0).padStart(7),
          ` ${query.trim().slice(0, 110)}`,
        ].join(' '),
      ),
    '',
  ]
}

/** To standard error: standard output carries nothing but the result. */
function writeLine(line: string): void {
  process.stderr.write(`${line}\n`)
}
