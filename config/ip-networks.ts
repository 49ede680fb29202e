import { isIP } from 'node:net'
import type { Kind } from './variable.ts'
import { splitList } from './text-kinds.ts'

/** Networks in CIDR notation, separated by commas. A notation that would allow something else than it seems to is refused. */
export const networks: Kind<readonly string[]> = {
  expects: 'networks in CIDR notation separated by commas, such as 127.0.0.0/8,10.1.2.0/24',
  parse: (text) => {
    const items = splitList(text)
    const wrong = items.map(wrongWithNetwork).find((wrong) => wrong !== null)
    return wrong ? { wrong } : { value: items }
  },
}

function wrongWithNetwork(item: string): string | null {
  const [address = '', prefix, ...rest] = item.split('/')
  const family = isIP(address)
  if (family === 0 || rest.length > 0) return 'holds a part that is not an IP network'
  if (address.includes('%')) return 'has an address with a zone, which a network cannot have'
  const bits = family === 4 ? 32 : 128
  if (prefix === undefined) return `has an address without a prefix length (a single address is written /${bits})`
  if (!/^\d{1,3}$/.test(prefix) || Number(prefix) > bits) return 'has an invalid prefix length'
  const value = family === 4 ? valueOf4(address) : valueOf6(address)
  // The system connects to such an address by IPv4, and the address guard checks it as IPv4: the entry would allow nothing.
  if (family === 6 && value >> 32n === 0xffffn) return 'has an IPv4 network in the notation of IPv6 (write it as 10.0.0.0/8)'
  const beyond = value & ((1n << BigInt(bits - Number(prefix))) - 1n)
  return beyond === 0n ? null : 'has an address with bits beyond its prefix length (10.1.2.3/8 would be all of 10.0.0.0/8)'
}

function valueOf4(address: string): bigint {
  return address.split('.').reduce((value, octet) => (value << 8n) | BigInt(octet), 0n)
}

function valueOf6(address: string): bigint {
  // The URL parser writes it in groups, without an IPv4 tail.
  const written = new URL(`http://[${address}]`).hostname.slice(1, -1)
  const [head = '', tail = ''] = written.split('::')
  const [before, after] = [head, tail].map((part) => (part === '' ? [] : part.split(':')))
  const groups = [...(before ?? []), ...Array<string>(8 - (before?.length ?? 0) - (after?.length ?? 0)).fill('0'), ...(after ?? [])]
  return groups.reduce((value, group) => (value << 16n) | BigInt(`0x${group}`), 0n)
}
