import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { eventTypes } from '../../../../src/events/catalogue/catalogue.ts'
import { countFacts } from '../../../../src/infra/telemetry/metrics-observer.ts'
import { createMetrics } from '../../../../src/infra/telemetry/metrics.ts'
import type { Fact } from '../../../../src/model/fact.ts'

const group = 'email-workers'
/** What a publisher may write into the headers of a record. */
const hostile = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.emailAddress(),
  fc.uuid(),
  fc.constantFrom('"} 1', '\\n# TYPE', '__proto__'),
)
const count = fc.nat({ max: 3 })
const counts = fc.record({ ok: count, noEffect: count, duplicate: count, skipped: count, dead: count })
/** Facts with text that comes from a record, an endpoint or a library. */
const facts: fc.Arbitrary<Fact> = fc.oneof(
  fc
    .array(fc.tuple(fc.oneof(hostile, fc.constantFrom(...eventTypes)), counts), { maxLength: 8 })
    .map((types): Fact => ({ is: 'accepted', group, partition: 0, next: 1n, counts: new Map(types), intents: 0, durationMs: 1 })),
  fc.tuple(hostile, hostile, hostile).map(([eventId, type, detail]): Fact => ({
    is: 'dead-lettered',
    group,
    topic: 't',
    partition: 0,
    offset: 1n,
    eventId,
    correlationId: eventId,
    type,
    reason: 'not-json',
    detail,
  })),
  fc
    .tuple(hostile, fc.constantFrom<'open' | 'closed'>('open', 'closed'))
    .map(([destination, state]): Fact => ({ is: 'breaker', channel: 'webhook', destination, state, reason: destination, retryInMs: null })),
  fc.tuple(hostile, fc.constantFrom('skipped', 'sent', 'retry', 'rejected')).map(([text, outcome]): Fact => ({
    is: 'settled',
    group,
    channel: 'email',
    kind: 'welcome',
    intentId: text,
    eventId: text,
    correlationId: text,
    attempt: 1,
    outcome,
    reason: text,
    detail: text,
    durationMs: 1,
    stages: new Map(),
    endToEndMs: 1,
  })),
  hostile.map((reason): Fact => ({ is: 'paused', group, reason, detail: reason })),
  hostile.map((cause): Fact => ({ is: 'waiting', group, partition: 0, cause, retryInMs: 1, attempt: 1 })),
  hostile.map((variable): Fact => ({ is: 'template-unknown-variable', template: variable, variable })),
  hostile.map((type): Fact => ({
    is: 'outbox-failed',
    position: '1',
    eventId: type,
    topic: type,
    type,
    reason: 'unknown-topic',
    error: type,
  })),
)

const known = new Set<unknown>(eventTypes)

interface Readable {
  get(): Promise<{ readonly values: readonly { readonly labels: Readonly<Record<string, string | number | undefined>> }[] }>
}

/** The values that a label of a metric has. */
async function valuesOf(metric: Readable, label: string): Promise<ReadonlySet<unknown>> {
  return new Set((await metric.get()).values.map(({ labels }) => labels[label]))
}

it('no text of a record, an endpoint or a library makes more than a bounded number of series, and no type is a label that the catalogue lacks', async () => {
  const metrics = createMetrics({ version: 'test' })
  try {
    const observe = countFacts(metrics, { channels: ['email', 'webhook'], types: eventTypes, groups: [group], tables: ['outcomes'] })
    fc.assert(
      fc.property(fc.array(facts, { minLength: 50, maxLength: 60 }), (all) => {
        for (const fact of all) observe(fact)
      }),
      { numRuns: 300 },
    )
    const text = await metrics.render()
    for (const metric of [metrics.messages, metrics.processingDuration]) {
      const types = await valuesOf(metric, 'type')
      expect(types.size).toBeGreaterThan(5)
      expect([...types].filter((type) => type !== 'other' && !known.has(type))).toEqual([])
    }
    // Reasons are words of ours; whatever else were to come in their place ends at fifty.
    expect((await valuesOf(metrics.skips, 'reason')).size).toBe(51)
    expect((await valuesOf(metrics.notes, 'note')).size).toBe(51)
    expect((await valuesOf(metrics.paused, 'reason')).size).toBe(51)
    // Every line is a sample or a comment of the format: no text has ended its label.
    const broken = text
      .split('\n')
      .filter((line) => line !== '' && !/^(?:# (?:HELP|TYPE) \S+ .*|[a-z0-9_]+(?:\{.*\})? (?:[-+.\de]+|Nan|\+Inf))$/s.test(line))
    expect(broken).toEqual([])
  } finally {
    metrics.close()
  }
})
