/** A way to break a promise, and the scenario that must detect it. */
export interface Mutant {
  readonly name: string
  /** What the broken program does, and the consequence. */
  readonly because: string
  /** Applied together; each `text` occurs exactly once in its file. */
  readonly edits: readonly Edit[]
  readonly scenario: Scenario
  /** How the scenario must fail: by an expectation, or by a promised deadline. A violation in its history counts too. */
  readonly fails: 'assertion' | 'deadline'
}

export interface Edit {
  readonly file: string
  readonly text: string
  readonly becomes: string
}

/** A test of a file. */
export interface Scenario {
  readonly project: 'contract' | 'integration' | 'e2e' | 'faults'
  readonly file: string
  readonly test: string
}
