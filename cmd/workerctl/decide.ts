import { OperatorError } from '../../src/std/failure.ts'
import type { Terminal } from './terminal.ts'

/** The decision about a plan that was shown. */
export type Decision = 'apply' | 'nothing' | 'dry-run' | 'unconfirmed' | 'declined'

/** Prompts on a terminal; elsewhere, and with --json, only `--yes` applies the plan. */
export async function decide(
  changes: boolean,
  options: { readonly dryRun?: boolean; readonly yes?: boolean; readonly json?: boolean },
  { ask }: Pick<Terminal, 'ask'>,
): Promise<Decision> {
  if (!changes) return 'nothing'
  if (options.dryRun === true) return 'dry-run'
  if (options.yes === true) return 'apply'
  if (ask === null || options.json === true) return 'unconfirmed'
  const answer = await ask('Apply this plan? (yes/no) ')
  return answer.trim().toLowerCase() === 'yes' ? 'apply' : 'declined'
}

/** The last line of a command that did not apply its plan. */
export const unapplied: Readonly<Record<Exclude<Decision, 'apply' | 'nothing'>, string>> = {
  'dry-run': 'Dry run: nothing was changed.',
  unconfirmed: 'Nothing was changed: add --yes to apply this plan.',
  declined: 'Nothing was changed.',
}

/**
 * A plan that was applied and changed nothing.
 *
 * @param selected such as `2 dead letters`
 * @param look the command that shows what became of them
 */
export function changedMeanwhile(selected: string, look: string): OperatorError {
  return new OperatorError(
    `Nothing was changed: another operator, or a daemon, has changed all that was selected (${selected}) meanwhile; "${look}" shows what was done.`,
  )
}
