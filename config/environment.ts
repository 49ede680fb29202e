import type { Environment } from './read-variables.ts'

/** The only place that looks at the process's own environment. */
export const environment: Environment = process.env
