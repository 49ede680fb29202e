import { describe, expect, it } from 'vitest'
import { AddressRefused, createAddressGuard } from '../../../../src/infra/http/address-guard.ts'
import { webhookUrl } from '../../../../src/infra/http/webhook-url.ts'
import { hostileUrls } from './hostile-urls.ts'

const guard = createAddressGuard({ allowCidr: [] })

describe('a hostile URL leads where the parser says, and is refused there', () => {
  it.each(hostileUrls)('%j: %j', (text, leads) => {
    const url = webhookUrl(text)
    const host = url?.hostname ?? null
    expect(host).toBe(leads === 'nowhere' ? null : 'address' in leads ? leads.address : leads.name)
    // A name passes here: whether it may be called is known when it is looked up.
    const passes = leads === 'nowhere' || 'name' in leads
    expect(host === null || guardPasses(host)).toBe(passes)
  })
})

function guardPasses(host: string): boolean {
  try {
    guard.checkLiteral(host)
    return true
  } catch (error) {
    if (error instanceof AddressRefused) return false
    throw error
  }
}
