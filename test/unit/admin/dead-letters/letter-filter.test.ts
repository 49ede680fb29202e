import { describe, expect, it } from 'vitest'
import { letterFilter, requireLetterSelection } from '../../../../src/admin/dead-letters/letter-filter.ts'
import { letterHandle, parseLetter } from '../../../../src/admin/dead-letters/letter-handle.ts'
import type { OperatorGroup } from '../../../../src/admin/operator-group.ts'

const group = (name: string): OperatorGroup => ({ name, id: `stage.${name}`, topic: 't', enabled: true })
const known = { groups: [group('email-workers'), group('reward-workers')], types: ['user.renamed'], now: 0 }
const of = (typed: Parameters<typeof letterFilter>[0], letters: readonly string[] = []) => letterFilter(typed, letters, known)

describe('the filter of dead letters', () => {
  it('means open ones unless letters are named or a state is given', () => {
    expect(of({}).states).toEqual(['open'])
    expect(of({ state: 'discarded' }).states).toEqual(['discarded'])
    expect(of({ state: 'all' }).states).toEqual(['open', 'requested', 'resolved', 'discarded'])
    expect(of({}, ['email-workers/3/7']).states).toEqual(['open', 'requested', 'resolved', 'discarded'])
  })

  it('takes a group and a letter with the prefix and without', () => {
    for (const name of ['email-workers', 'stage.email-workers']) {
      expect(of({ group: name }).group).toBe('stage.email-workers')
      expect(letterHandle(parseLetter(`${name}/3/4711`, known.groups))).toBe('stage.email-workers/3/4711')
    }
  })

  it.each([
    [{ reason: 'notjson' }, 'There is no reason "notjson" (did you mean not-json?): give one of too-large,'],
    [{ type: 'user.signedup' }, 'There is no type "user.signedup" (did you mean user.signed_up?)'],
    [{ group: 'mail-workers' }, 'There is no group "mail-workers" (did you mean email-workers?)'],
    [{ state: 'opened' }, 'There is no state "opened" (did you mean open?)'],
    [{ fingerprint: 'xyz' }, '"xyz" is no fingerprint'],
    [{ event: 'x' }, '--event must be a UUID'],
    [{ since: 'yesterday' }, '--since "yesterday" is not a time: give a length'],
  ])('refuses a word that means nothing, with the nearest that there is: %o', (typed, sentence) => {
    expect(() => of(typed)).toThrow(sentence)
  })

  it('knows types that only dead letters have', () => {
    expect(of({ type: 'user.renamed' }).type).toBe('user.renamed')
  })

  it.each(['email-workers/3', 'email-workers/x/1', '4711', '/3/4'])('refuses %s as the name of a letter', (text) => {
    expect(() => parseLetter(text, known.groups)).toThrow('names no dead letter: give GROUP/PARTITION/OFFSET')
  })

  it('refuses a change of all that there are', () => {
    expect(() => requireLetterSelection(of({}))).toThrow('Select the dead letters')
    expect(() => requireLetterSelection(of({ state: 'all' }))).toThrow('Select the dead letters')
    expect(() => requireLetterSelection(of({ reason: 'not-json' }))).not.toThrow()
  })
})
