import { describe, expect, it } from 'vitest'
import type { CampaignTemplate } from '../../../../../src/delivery/email/mail-message.ts'
import { KnownVersions } from '../../../../../src/infra/mail/templates/known-versions.ts'

const template = (change: Partial<CampaignTemplate> = {}): CampaignTemplate => ({
  from: 'campaign',
  id: '1',
  subject: 'Hello',
  html: '<p>Hello</p>',
  text: null,
  ...change,
})

const long = (id: string, millions: number) => template({ id, text: id.repeat(millions * 1024 * 1024) })
const empty = (index: number) => template({ id: `empty ${index}`, subject: '', html: null })

describe('the known versions of templates', () => {
  it('have the same one for the same texts, whichever row brings them', () => {
    const versions = new KnownVersions()
    const first = versions.of(template())
    expect(versions.of(template())).toBe(first)
    expect(new KnownVersions().of(template())).toEqual(first)
    expect(versions.of(template({ id: '2' }))).toEqual(first)
  })

  it.each([{ subject: 'Hello!' }, { html: '<p>Hello!</p>' }, { html: null }, { text: 'Hello' }, { text: '' }])(
    'have another one once a text is another: %o',
    (change) => {
      const versions = new KnownVersions()
      const first = versions.of(template())
      const changed = versions.of(template(change))
      expect(changed.hash).not.toBe(first.hash)
      expect(changed.text).toEqual({ from: 'campaign', subject: 'Hello', html: '<p>Hello</p>', text: null, ...change })
      expect(versions.of(template())).toEqual(first)
    },
  )

  it('forget the ones not used for longest beyond four million characters, and keep one however long it is', () => {
    const versions = new KnownVersions()
    const [one, two] = [versions.of(long('1', 1)), versions.of(long('2', 2))]
    expect(versions.of(long('1', 1))).toBe(one)
    versions.of(long('3', 2))
    expect(versions.of(long('1', 1))).toBe(one)
    expect(versions.of(long('2', 2))).not.toBe(two)
    const none = versions.of(empty(0))
    expect(versions.of(empty(0))).toBe(none)
    for (let index = 1; index < 20_000; index++) versions.of(empty(index))
    expect(versions.of(empty(0))).not.toBe(none)
    const longest = versions.of(long('4', 5))
    expect(versions.of(long('4', 5))).toBe(longest)
  })
})
