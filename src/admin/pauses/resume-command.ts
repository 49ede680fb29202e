import type { PauseTarget } from '../../model/pause.ts'

/** The arguments of `workerctl` that end exactly this pause. */
export function resumeCommand({ scope, target, group }: PauseTarget): string {
  if (scope === 'group') return `resume group ${target} --owner NAME`
  if (scope === 'partition') return `resume partition ${group} ${target} --owner NAME`
  return `resume ${scope} ${target}${group === null ? '' : ` --group ${group}`} --owner NAME`
}
