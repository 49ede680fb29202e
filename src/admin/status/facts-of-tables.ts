import type { Fact } from './read-facts.ts'

/** What status reads of the database. Words complete "... could not be read". */
export const schemaFact: Fact = { fact: 'the version of the schema', tables: ['worker.schema_versions'] }
export const sessionsFact: Fact = { fact: 'sessions', tables: ['pg_stat_activity'] }
export const deadIntentsFact: Fact = { fact: 'dead intents', tables: ['worker.intents'] }
export const openWorkFact: Fact = { fact: 'held and abandoned intents', tables: ['worker.intents'] }
export const deadLettersFact: Fact = { fact: 'dead letters', tables: ['worker.dead_letters'] }
export const outboxFact: Fact = { fact: 'the outbox', tables: ['worker.outbox'] }
export const pausesFact: Fact = { fact: 'pauses', tables: ['worker.pauses'] }
export const progressFact: Fact = { fact: 'progress rows', tables: ['worker.progress'] }
export const dueFact: Fact = { fact: 'due intents', tables: ['worker.intents'] }
export const awayFact: Fact = { fact: 'breakers', tables: ['worker.intents', 'worker.breakers'] }
export const slowFact: Fact = { fact: 'slow recalculations', tables: ['worker.slow_recalculations'] }
export const idleFact: Fact = { fact: 'when groups last moved', tables: ['worker.progress'] }
