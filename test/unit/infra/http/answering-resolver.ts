import type { Resolve } from '../../../../src/infra/http/address-guard.ts'

/** Resolves any name: each look-up gets the next answer, the last one again and again. */
export function answeringResolver(...answers: readonly (readonly string[])[]): Resolve {
  let call = 0
  return (_hostname, _options, callback) => {
    const addresses = answers[Math.min(call++, answers.length - 1)] ?? []
    callback(
      null,
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    )
  }
}

/** Fails to resolve any name, with this code. */
export function failingResolver(code: string): Resolve {
  return (_hostname, _options, callback) => callback(Object.assign(new Error('The name cannot be resolved.'), { code }), [])
}
