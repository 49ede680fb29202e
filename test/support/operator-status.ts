import type { Finding } from '../../src/admin/status/finding.ts'
import { eventually } from './eventually.ts'
import type { Fixture } from './fixture.ts'
import { runWorkerctl } from '../integration/workerctl-fixture.ts'

/** What `workerctl status` says on a fixture. */
export interface OperatorStatus {
  readonly code: number
  readonly findings: readonly Finding[]
  readonly groups: readonly { readonly group: string; readonly verdict?: { readonly word: string } }[]
}

/** Runs `workerctl status` in the environment of the fixture's daemons. */
export async function operatorStatus(fixture: Fixture, variables: Readonly<Record<string, string>> = {}): Promise<OperatorStatus> {
  const { code, out, err } = await runWorkerctl(['status', '--json'], { ...fixture.variables, ...variables })
  if (out === '') throw new Error(err)
  return { code, ...JSON.parse(out) }
}

/** The first three lines of what `workerctl status` prints to an operator; fewer where it says less. */
export async function firstLines(fixture: Fixture, variables: Readonly<Record<string, string>> = {}): Promise<readonly string[]> {
  const { out, err } = await runWorkerctl(['status'], { ...fixture.variables, ...variables })
  if (out === '') throw new Error(err)
  return (out.split('\n\n')[0] ?? '').split('\n').slice(0, 3)
}

/** Waits until this kind of problem is in the first three lines; resolves to it and its place. */
export async function namedByStatus(
  fixture: Fixture,
  kind: Finding['kind'],
  variables: Readonly<Record<string, string>> = {},
): Promise<Finding & { readonly at: number; readonly code: number }> {
  let named: (Finding & { readonly at: number; readonly code: number }) | null = null
  await eventually(`status names ${kind}`, async () => {
    const { code, findings } = await operatorStatus(fixture, variables)
    const at = findings.slice(0, 3).findIndex((finding) => finding.kind === kind)
    const finding = findings[at]
    if (finding !== undefined) named = { ...finding, at, code }
    return named !== null || JSON.stringify(findings)
  })
  if (named === null) throw new Error('unreachable')
  return named
}
