import { expect, it } from 'vitest'
import { inputName, methodName } from '../../../src/events/input-names.ts'

it('names of fields and methods are those that the types say, with digits too', () => {
  const fields: readonly ['email', 'pointsPerReferral', 'address2', 'reached10Points'] = [
    inputName('email'),
    inputName('points_per_referral'),
    inputName('address_2'),
    inputName('reached_10_points'),
  ]
  expect(fields).toEqual(['email', 'pointsPerReferral', 'address2', 'reached10Points'])
  const methods: readonly ['publishUserSignedUp', 'publishUserReached10Points', 'publishBillingInvoicePaid'] = [
    methodName('user.signed_up'),
    methodName('user.reached_10_points'),
    methodName('billing.invoice.paid'),
  ]
  expect(methods).toEqual(['publishUserSignedUp', 'publishUserReached10Points', 'publishBillingInvoicePaid'])
})
