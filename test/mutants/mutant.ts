/** One way to break the promise, and the scenario that must notice. */
export interface Mutant {
  readonly name: string
  /** What the broken program does, and what becomes of it. */
  readonly because: string
  /** Planted together; each `text` stands exactly once in its file. */
  readonly edits: readonly Edit[]
  readonly scenario: Scenario
  /** How the scenario must fail: by what it expects, or by a promised deadline that passes. What the checker finds in its history counts too. */
  readonly fails: 'assertion' | 'deadline'
}

export interface Edit {
  readonly file: string
  readonly text: string
  readonly becomes: string
}

/** One test of one file. */
export interface Scenario {
  readonly project: 'contract' | 'e2e' | 'faults'
  readonly file: string
  readonly test: string
}
