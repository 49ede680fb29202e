/**
 * The candidate with the fewest edits (Levenshtein: a letter added, dropped or replaced) from the word, ignoring case; null when even that
 * one differs in more than a third of its letters, and in more than two. Of equals the first.
 */
export function nearest(word: string, candidates: readonly string[]): string | null {
  let [best, least]: [string | null, number] = [null, Infinity]
  for (const candidate of candidates) {
    const edits = editsBetween(word.toLowerCase(), candidate.toLowerCase())
    if (edits < least && edits <= Math.max(2, Math.floor(Math.max(word.length, candidate.length) / 3))) [best, least] = [candidate, edits]
  }
  return best
}

/** Levenshtein's distance: the letters to be added, dropped or replaced. */
export function editsBetween(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index)
  for (const [at, letter] of one.split('').entries()) {
    const next = [at + 1]
    for (const [index, against] of other.split('').entries()) {
      const replaced = (row[index] ?? 0) + (letter === against ? 0 : 1)
      next.push(Math.min(replaced, (row[index + 1] ?? 0) + 1, (next[index] ?? 0) + 1))
    }
    row = next
  }
  return row.at(-1) ?? 0
}
