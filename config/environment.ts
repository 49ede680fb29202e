import type { Environment } from './read-variables.ts'

/** The environment of the process; no other file of src and config reads it. */
export const environment: Environment = process.env
