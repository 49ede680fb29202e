import type { DueWork } from '../lag/lag-ports.ts'

const BUSY_INTENTS = 100

/** Whether so many intents of a channel are due that they may keep a group from reading until they are done. */
export function isFull({ count }: Pick<DueWork, 'count'>): boolean {
  return count >= BUSY_INTENTS
}
