import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { claimed, type RunningStack } from '../support/running-stack.ts'
import { finished } from './finished.ts'
import type { Scenario } from './mutant.ts'
import { verdictOf, type Report, type Verdict } from './verdict.ts'

/** Far beyond what any scenario takes; one that hangs is broken, not red. Milliseconds. */
const CUT_OFF_MS = 300_000

/** Runs one test of the program that lies in `root`, on servers that run. */
export async function runScenario(root: string, scenario: Scenario, stack: RunningStack, signal: AbortSignal): Promise<Verdict> {
  const reportFile = join(root, 'report.json')
  await rm(reportFile, { force: true })
  const args = ['run', '--root', root, '--project', scenario.project, scenario.file, '--testNamePattern', literally(scenario.test)]
  const { code, output } = await finished(
    process.execPath,
    [join(root, 'node_modules/vitest/vitest.mjs'), ...args, '--reporter', 'json', '--outputFile', reportFile],
    { cwd: root, env: claimed(stack), signal: AbortSignal.any([signal, AbortSignal.timeout(CUT_OFF_MS)]) },
  )
  if (code === null) return { is: 'broken', reason: `cut off after ${CUT_OFF_MS} ms` }
  const report = await readFile(reportFile, 'utf8').catch(() => null)
  if (report === null) return { is: 'broken', reason: `vitest wrote no report: ${output.slice(-2_000)}` }
  const read: Report = JSON.parse(report)
  return verdictOf(read, scenario.test)
}

/** As a pattern that matches nothing else. */
function literally(title: string): string {
  return title.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`)
}
