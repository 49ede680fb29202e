import type { RetentionClass } from '../events/catalogue/define-event.ts'

const DAY_MS = 86_400_000

/** `retention.ms` of the topics of a class; -1 keeps records forever. */
export const retentionMs: Readonly<Record<RetentionClass, number>> = { domain: 30 * DAY_MS, analytics: 365 * DAY_MS, audit: -1 }
