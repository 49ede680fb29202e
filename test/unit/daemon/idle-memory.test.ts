import { expect, it, vi } from 'vitest'
import { idleMemory } from '../../../src/daemon/idle-memory.ts'

const MiB = 1024 * 1024

/** A process that holds 30 MiB after a collection. */
function processOf(mebibytes: number) {
  const held = { bytes: mebibytes * MiB, busy: 0 }
  const collect = vi.fn<() => void>(() => {
    held.bytes = 30 * MiB
  })
  return { held, collect, look: idleMemory({ collect, residentBytes: () => held.bytes, busyShare: () => held.busy }) }
}

it('what a start has left is collected once the process is idle', () => {
  const { held, collect, look } = processOf(60)
  held.busy = 0.05
  look()
  expect(collect).not.toHaveBeenCalled()
  held.busy = 0.02
  look()
  expect(collect).toHaveBeenCalledOnce()
})

it('an idle process collects again only when work has made it hold much more', () => {
  const { held, collect, look } = processOf(60)
  look()
  for (let mebibytes = 30; mebibytes < 46; mebibytes++) {
    held.bytes = mebibytes * MiB
    look()
  }
  expect(collect).toHaveBeenCalledOnce()
  held.bytes = 46 * MiB
  look()
  expect(collect).toHaveBeenCalledTimes(2)
})

it('without --expose-gc nothing is collected', () => {
  expect(() => idleMemory({ collect: undefined, residentBytes: () => 60 * MiB, busyShare: () => 0 })()).not.toThrow()
})
