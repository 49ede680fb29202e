import { lookup as systemLookup, type LookupAddress } from 'node:dns'
import { isIP, type LookupFunction } from 'node:net'
import ipaddr from 'ipaddr.js'

/**
 * Keeps requests to URLs of tenants out of our own network (SSRF). A name is judged by the addresses that the connection is then made to, so
 * that DNS rebinding gains nothing. One address that is not allowed refuses the name, because the system chooses which one is connected to.
 */
export interface AddressGuard {
  /** Whether an address may be connected to; false for what is no address. */
  allows(address: string): boolean
  /** For a host that is an address and is never looked up; names pass. Throws {@link AddressRefused}. */
  checkLiteral(hostname: string): void
  /** In place of dns.lookup for `connect`; ends with {@link AddressRefused} when any address of the name is not allowed. */
  readonly lookup: LookupFunction
}

export interface AddressGuardSettings {
  /** Networks in CIDR notation that are allowed in addition (`WEBHOOK_ALLOW_CIDR`). */
  readonly allowCidr: readonly string[]
  /** All addresses of a name; dns.lookup where left out. */
  readonly resolve?: Resolve
}

export type Resolve = (
  hostname: string,
  options: { all: true; family?: number; hints?: number },
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void

/** The message names no host and no address: it may be shown to the endpoint's owner, and reveals nothing of our network. */
export class AddressRefused extends Error {
  override readonly name = 'AddressRefused'
  readonly code = 'ADDRESS_REFUSED'

  constructor() {
    super('The host has an address that is not public.')
  }
}

/** @throws {Error} an entry of `allowCidr` is not a network. */
export function createAddressGuard(settings: AddressGuardSettings): AddressGuard {
  const networks = settings.allowCidr.map((cidr) => ipaddr.parseCIDR(cidr))
  const resolve: Resolve = settings.resolve ?? systemLookup

  function allows(text: string): boolean {
    if (isIP(text) === 0) return false
    // ipaddr.js takes ::a.b.c.d, as look-ups write some addresses of IPv6, for a.b.c.d, where the system would not connect to;
    // written in full it is read rightly. process() unwraps ::ffff:a.b.c.d, which the system does connect to as a.b.c.d.
    const address = ipaddr.process(text.replace(/^::(?=\d+\.)/, '0:0:0:0:0:0:'))
    if (networks.some(([network, bits]) => network.kind() === address.kind() && address.match(network, bits))) return true
    return address.range() === 'unicast' && (address.kind() === 'ipv4' || address.match(globalUnicast))
  }

  return {
    allows,
    checkLiteral(hostname) {
      const bare = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname
      if (isIP(bare) !== 0 && !allows(bare)) throw new AddressRefused()
    },
    lookup(hostname, options, callback) {
      const { family, hints } = options
      const wanted = { ...(typeof family === 'number' ? { family } : {}), ...(hints === undefined ? {} : { hints }) }
      resolve(hostname, { ...wanted, all: true }, (error, addresses) => {
        if (error !== null) return callback(error, '')
        const [first] = addresses
        if (first === undefined) return callback(Object.assign(new Error('The name has no address.'), { code: 'ENOTFOUND' }), '')
        if (!addresses.every(({ address }) => allows(address))) return callback(new AddressRefused(), '')
        return options.all === true ? callback(null, addresses) : callback(null, first.address, first.family)
      })
    },
  }
}

/**
 * What ipaddr.js calls `unicast` is what no list of exceptions names. Of IPv6 only 2000::/3 is allocated (IANA);
 * outside of it are forms that mean an IPv4 address, such as the deprecated ::127.0.0.1.
 */
const globalUnicast = ipaddr.IPv6.parseCIDR('2000::/3')
