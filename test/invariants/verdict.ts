/** What is judged: whether the history itself is whole, and the invariants of docs/reference/faults.md. */
export const subjects = ['history', 'I1', 'I2', 'I3', 'I4', 'I5', 'I6', 'I7', 'I8', 'I9', 'I10', 'I11', 'I12'] as const
export type Subject = (typeof subjects)[number]

export const sentences: Readonly<Record<Subject, string>> = {
  history: 'the history is whole',
  I1: 'nothing acknowledged is lost',
  I2: 'every mail goes out once',
  I3: 'every webhook is delivered under one id with one body',
  I4: 'every database effect happens once',
  I5: 'order is kept',
  I6: 'positions equal a recalculation',
  I7: 'commits never run ahead and never go back',
  I8: 'stops and memory are bounded',
  I9: 'lag returns to 0',
  I10: 'health is honest',
  I11: 'faults stay where they are',
  I12: 'nothing secret is told',
}

export interface Judgement {
  readonly held: boolean
  /** How many facts it was judged on; 0: there was nothing to judge, and it holds. */
  readonly checked: number
  readonly violations: number
  /** The first of them. */
  readonly told: readonly string[]
}

export interface Verdict {
  readonly held: boolean
  readonly scenario: string
  readonly seed: number | null
  readonly judgements: Readonly<Record<Subject, Judgement>>
  readonly figures: Figures
}

/** Counts of what was seen, among them what is allowed and exempt, by name. */
export type Figures = Readonly<Record<string, number | null>>

/** Most sentences that are kept of one invariant. */
const MOST_TOLD = 20

/** Collects what is found. */
export interface Findings {
  /** `facts` more facts of this kind were looked at. */
  checked(subject: Subject, facts?: number): void
  violated(subject: Subject, sentence: string): void
  count(figure: string, by?: number): void
  set(figure: string, value: number | null): void
  verdict(of: { scenario: string; seed: number | null }): Verdict
}

export function createFindings(): Findings {
  const found = new Map(subjects.map((subject) => [subject, { checked: 0, violations: 0, told: [] as string[] }]))
  const figures = new Map<string, number | null>()
  const of = (subject: Subject) => {
    const one = found.get(subject)
    if (one === undefined) throw new Error(`Nothing is judged under ${subject}.`)
    return one
  }
  const judgementOf = (subject: Subject): Judgement => {
    const { checked, violations, told } = of(subject)
    return { held: violations === 0, checked, violations, told }
  }
  return {
    checked: (subject, facts = 1) => void (of(subject).checked += facts),
    violated(subject, sentence) {
      const one = of(subject)
      one.violations += 1
      if (one.told.length < MOST_TOLD) one.told.push(sentence)
    },
    count: (figure, by = 1) => void figures.set(figure, (figures.get(figure) ?? 0) + by),
    set: (figure, value) => void figures.set(figure, value),
    verdict: ({ scenario, seed }) => ({
      held: [...found.values()].every(({ violations }) => violations === 0),
      scenario,
      seed,
      judgements: {
        history: judgementOf('history'),
        I1: judgementOf('I1'),
        I2: judgementOf('I2'),
        I3: judgementOf('I3'),
        I4: judgementOf('I4'),
        I5: judgementOf('I5'),
        I6: judgementOf('I6'),
        I7: judgementOf('I7'),
        I8: judgementOf('I8'),
        I9: judgementOf('I9'),
        I10: judgementOf('I10'),
        I11: judgementOf('I11'),
        I12: judgementOf('I12'),
      },
      figures: Object.fromEntries(figures),
    }),
  }
}

/** A time in a sentence. */
export function when(at: number): string {
  return Number.isFinite(at) && Math.abs(at) < 8e15 ? new Date(at).toISOString() : 'never'
}

/** A verdict for people: a line per invariant, the sentences of what does not hold, and the figures. */
export function wordsOf({ judgements, figures, scenario }: Verdict): string {
  const lines = subjects.flatMap((subject) => {
    const { held, checked, violations, told } = judgements[subject]
    const verdict = held
      ? checked === 0
        ? 'held      nothing to judge'
        : `held      ${checked} checked`
      : `VIOLATED  ${violations} of ${checked} checked`
    const more = violations > told.length ? [`    and ${violations - told.length} more`] : []
    return [`${subject.padEnd(8)} ${verdict}: ${sentences[subject]}`, ...told.map((sentence) => `    ${sentence}`), ...more]
  })
  const seen = Object.entries(figures).map(([name, value]) => `${name} ${value ?? '-'}`)
  return [scenario, ...lines, seen.join(', ')].join('\n')
}
