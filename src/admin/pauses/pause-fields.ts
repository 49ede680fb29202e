import { pauseScopes, type PauseTarget } from '../../model/pause.ts'
import { OperatorError } from '../../std/failure.ts'
import { requestFields, type RequestFields } from '../request-fields.ts'
import { requireShowable } from '../showable-text.ts'
import { knownWord } from '../unknown-word.ts'
import type { PauseRequest } from './pause-admin.ts'
import { pauseLength } from './pause-length.ts'
import { pauseTarget, targetToPause, type PauseNames } from './pause-target.ts'

/** As `pause list --json` shows a pause, so that a request to resume may repeat it. */
const targetFields = {
  scope: `one of ${pauseScopes.join(', ')}`,
  target: 'the group, channel, endpoint, campaign, event type or number of the partition, as text',
  group: 'the group, which the scope partition needs; without it a pause of another scope is in all groups',
}

const resumeFields = { ...targetFields, owner: 'who resumes it' }

const pauseFields = {
  ...targetFields,
  owner: 'who can be asked about it, such as a team',
  because: 'why, in one line',
  for: 'a length of time, such as 30m, 2h or 3d',
  untilResumed: 'true where the pause has no end',
  extend: 'true to replace owner, why and end of a pause that exists',
}

/**
 * A pause as a request over HTTP gives it.
 *
 * @throws {OperatorError} naming the field that is wrong, and the way out.
 */
export function pauseOfFields(
  body: Readonly<Record<string, unknown>>,
  names: PauseNames,
): { readonly request: PauseRequest; readonly extend: boolean } {
  const fields = requestFields(body, pauseFields)
  const target = targetOf(fields, names, targetToPause)
  const owner = requireShowable('owner', fields.text('owner'))
  const because = requireShowable('because', fields.text('because'))
  const length = fields.optionalText('for')
  if ((length === undefined) !== fields.flag('untilResumed')) {
    throw new OperatorError('for and untilResumed say how long: give either for with a time such as "2h", or untilResumed with true.')
  }
  const forMs = length === undefined ? null : pauseLength(length, 'for')
  return { request: { ...target, owner, because, forMs }, extend: fields.flag('extend') }
}

/**
 * What a request over HTTP resumes, and who.
 *
 * @throws {OperatorError} naming the field that is wrong, and the way out.
 */
export function resumeOfFields(
  body: Readonly<Record<string, unknown>>,
  names: PauseNames,
): { readonly target: PauseTarget; readonly by: string } {
  const fields = requestFields(body, resumeFields)
  return { target: targetOf(fields, names, pauseTarget), by: requireShowable('owner', fields.text('owner')) }
}

function targetOf(fields: RequestFields<keyof typeof targetFields>, names: PauseNames, find: typeof pauseTarget): PauseTarget {
  const scope = knownWord('scope', fields.text('scope'), pauseScopes)
  const target = fields.text('target')
  if (scope === 'partition') return find({ scope, target: fields.text('group'), partition: target }, names)
  const group = fields.optionalText('group')
  const found = find({ scope, target, group: scope === 'group' ? undefined : group }, names)
  if (scope !== 'group' || group === undefined || find({ scope, target: group }, names).group === found.group) return found
  throw new OperatorError('group and target differ: leave group out where the scope is group.')
}
