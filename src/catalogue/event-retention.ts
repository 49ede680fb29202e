import type { RetentionClass } from '../events/catalogue/define-event.ts'
import { DAY_MS } from '../std/day.ts'

/** `retention.ms` of the topics of a class; -1 keeps records forever. */
export const retentionMs: Readonly<Record<RetentionClass, number>> = { domain: 30 * DAY_MS, analytics: 365 * DAY_MS, audit: -1 }
