import { randomUUID } from 'node:crypto'

/** A participant in the reference model: what the platform wrote, and what the last recalculation must have stored. */
export interface Participant {
  readonly id: string
  readonly createdAt: Date
  original: number
  verified: number
  status: string
  deleted: boolean
  position: number
  rankedScore: string | null
  rankedPpr: number
}

/** Mulberry32: small, seeded, good enough to choose what happens next. */
export function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** What the platform may have stored as the points per referral, and what it counts as. */
export const pointSettings: readonly (readonly [unknown, number])[] = [
  [{}, 1],
  [{ points_per_referral: 1 }, 1],
  [{ points_per_referral: 3 }, 3],
  [{ points_per_referral: '5' }, 5],
  [{ points_per_referral: 10 }, 10],
  [{ points_per_referral: 0 }, 0],
  [{ points_per_referral: null }, 1],
  [{ points_per_referral: 'many' }, 1],
  [{ points_per_referral: 2.5 }, 1],
  [{ points_per_referral: -4 }, 1],
  [{ points_per_referral: 1e30 }, 1],
  [{ points_per_referral: { value: 7 } }, 1],
  [[7], 1],
  ['7', 1],
]

/** With few different places, scores and times tie often and the id decides. */
export function newParticipant(random: () => number, places = 12): Participant {
  return {
    id: randomUUID(),
    createdAt: new Date(1_700_000_000_000 + Math.floor(random() * 4) * 1_000),
    original: 1 + Math.floor(random() * places),
    verified: random() < 0.7 ? 0 : Math.floor(random() * 5),
    status: pick(['pending', 'verified', 'verified', 'converted', 'blocked', 'removed'], random),
    deleted: random() < 0.1,
    position: Math.floor(random() * 5),
    rankedScore: null,
    rankedPpr: 0,
  }
}

/** One thing that the platform does to one participant. */
export function changeParticipant(one: Participant, random: () => number, places = 12): void {
  const what = random()
  if (what < 0.4) one.verified += 1
  else if (what < 0.5) one.verified = Math.max(0, one.verified - 1)
  else if (what < 0.75) one.status = pick(['pending', 'verified', 'converted', 'blocked', 'removed'], random)
  else if (what < 0.9) one.deleted = !one.deleted
  else one.original = 1 + Math.floor(random() * places)
}

/** Ranks in memory, by the rule and nothing else; returns how many participants' stored ranks that changes. */
export function rankByRule(all: readonly Participant[], points: number): number {
  const before = all.map(storedRank)
  const taking = all.filter((one) => !one.deleted && one.status !== 'blocked' && one.status !== 'removed')
  const score = (one: Participant) => one.original - one.verified * points
  const order = (one: Participant, other: Participant) =>
    score(one) - score(other) || one.createdAt.getTime() - other.createdAt.getTime() || (one.id < other.id ? -1 : 1)
  for (const one of all) one.rankedScore = null
  for (const [index, one] of taking.toSorted(order).entries()) {
    one.position = index + 1
    one.rankedScore = String(score(one))
    one.rankedPpr = points
  }
  return all.filter((one, index) => storedRank(one) !== before[index]).length
}

export function storedRank(one: Pick<Participant, 'position' | 'rankedScore' | 'rankedPpr'>): string {
  return `${one.position} ${one.rankedScore} ${one.rankedPpr}`
}

export function pick<T>(from: readonly T[], random: () => number): T {
  const one = from[Math.floor(random() * from.length)]
  if (one === undefined) throw new Error('nothing to pick from')
  return one
}
