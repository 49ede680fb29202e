import { expect, it } from 'vitest'
import { CampaignAccounts } from '../../../src/delivery/campaign-accounts.ts'
import { sampleIntent } from '../../support/sample-intent.ts'

it('accounts of campaigns are known once they were read, those without one as well, until there are more than ten thousand', () => {
  const accounts = new CampaignAccounts()
  const [one, other] = [sampleIntent({ campaignId: 'one' }), sampleIntent({ campaignId: 'other' })]
  expect([accounts.unknownOf([one, other, one]), accounts.of(one)]).toEqual([['one', 'other'], null])
  accounts.learn(['one', 'other'], new Map([['one', 'account']]))
  expect([accounts.unknownOf([one, other]), accounts.of(one), accounts.of(other)]).toEqual([[], 'account', null])
  const many = Array.from({ length: 9_998 }, (_, index) => `campaign ${index}`)
  accounts.learn(many, new Map())
  expect(accounts.of(one)).toBe('account')
  accounts.learn(['another'], new Map())
  expect([accounts.unknownOf([one]), accounts.unknownOf([sampleIntent({ campaignId: 'another' })])]).toEqual([['one'], []])
})
