import { maskedAddress } from '../../std/masked-address.ts'

/** What would be sent under one subject, counted. Addresses in it are masked. */
export interface SubjectCount {
  readonly subject: string
  readonly count: number
}

/** The subjects of one kind of delivery: the most frequent, and how many deliveries have others. */
export interface ForeseenSubjects {
  readonly subjects: readonly SubjectCount[]
  readonly otherSubjects: number
}

/** Subjects that are shown of each kind. */
const SHOWN = 5
/** Different subjects that are counted of each kind. Names make many; those that come later count as others. */
const KEPT = 10_000

/** Counts the subjects of one kind in bounded memory. */
export class SubjectTally {
  readonly #counts = new Map<string, number>()
  #others = 0

  add(subject: string): void {
    const shown = subject.replace(addresses, maskedAddress)
    const count = this.#counts.get(shown)
    if (count === undefined && this.#counts.size >= KEPT) this.#others++
    else this.#counts.set(shown, (count ?? 0) + 1)
  }

  result(): ForeseenSubjects {
    const sorted = [...this.#counts].toSorted(([one, a], [other, b]) => b - a || (one < other ? -1 : 1))
    const rest = sorted.slice(SHOWN).reduce((sum, [, count]) => sum + count, this.#others)
    return { subjects: sorted.slice(0, SHOWN).map(([subject, count]) => ({ subject, count })), otherSubjects: rest }
  }
}

const addresses = /[^\s<>"(),;:]+@[^\s<>"(),;:]+/g

/** Such as `: "Hello Ada" (2), "Hello Bob" (1)`; empty when no subject is known. */
export function subjectsInWords({ subjects, otherSubjects }: ForeseenSubjects): string {
  if (subjects.length === 0) return ''
  const others = otherSubjects === 0 ? '' : `, and ${otherSubjects} with other subjects`
  return `: ${subjects.map(({ subject, count }) => `"${subject}" (${count})`).join(', ')}${others}`
}
