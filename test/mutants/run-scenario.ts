import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { stackVariables, type RunningStack } from '../support/running-stack.ts'
import { runProcess } from './run-process.ts'
import type { Scenario } from './mutant.ts'
import { scenarioResultOf, type Report, type ScenarioResult } from './scenario-result.ts'

/** Longer than the timeout of any scenario, which makes it red; one that hangs all the same is broken. Milliseconds. */
const CUT_OFF_MS = 1_000_000

/** Runs a test of the program in the folder `root`, on running servers. */
export async function runScenario(root: string, scenario: Scenario, stack: RunningStack, signal: AbortSignal): Promise<ScenarioResult> {
  const reportFile = join(root, 'report.json')
  await rm(reportFile, { force: true })
  const args = ['run', '--root', root, '--project', scenario.project, scenario.file, '--testNamePattern', escaped(scenario.test)]
  const { code, output } = await runProcess(
    process.execPath,
    [join(root, 'node_modules/vitest/vitest.mjs'), ...args, '--reporter', 'json', '--outputFile', reportFile],
    { cwd: root, env: stackVariables(stack), signal: AbortSignal.any([signal, AbortSignal.timeout(CUT_OFF_MS)]) },
  )
  if (code === null) return { is: 'broken', reason: `cut off after ${CUT_OFF_MS} ms` }
  const report = await readFile(reportFile, 'utf8').catch(() => null)
  if (report === null) return { is: 'broken', reason: `vitest wrote no report: ${output.slice(-2_000)}` }
  const read: Report = JSON.parse(report)
  return scenarioResultOf(read, scenario.test)
}

/** A pattern that matches only this title. */
function escaped(title: string): string {
  return title.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`)
}
