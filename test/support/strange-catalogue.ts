import { createHash } from 'node:crypto'
import type { SiteInput } from '../../cmd/docs/site-model.ts'
import type { EventDefinition, Example } from '../../src/events/catalogue/define-event.ts'

/** Text that runs a script where it is taken for HTML, and leaves an attribute, a script and a template. */
export const hostile = `</script><img src=x onerror="globalThis.taken = true">" onmouseover="globalThis.taken = true" '\${1}'`

const long = 'a_name_without_any_place_at_which_a_line_could_end_because_nobody_thought_of_phones'

/**
 * A catalogue that nobody would write and every page has to bear: hostile text wherever text is, long words, nested fields, several topics,
 * a deprecated event, versions, and releases with breaks.
 */
export const strangeCatalogue: SiteInput = {
  version: '2.1.0',
  defaultTopic: `events-${hostile}`,
  events: [
    event({
      type: 'account.renamed',
      deprecated: { on: '2026-05-01', successor: 'account.profile.changed' },
      examples: [],
    }),
    event({
      type: 'account.profile.changed',
      version: 2,
      minor: 3,
      upcasters: { 1: (data) => data },
      topic: 'audit-events',
      retention: 'audit',
      owner: { team: hostile, contact: 'javascript:globalThis.taken=true' },
      data: {
        type: 'object',
        required: ['campaign_id', hostile],
        properties: {
          campaign_id: { type: 'string', format: 'uuid' },
          [hostile]: { type: 'string', description: hostile, pattern: `^${hostile}$`, default: hostile },
          [long]: { enum: [hostile, 1, null] },
          lines: {
            type: 'array',
            minItems: 1,
            uniqueItems: true,
            items: { type: 'object', required: ['price'], properties: { price: { type: 'number', exclusiveMinimum: 0 } } },
          },
        },
      },
      personal: [hostile, 'lines'],
      examples: [example(1), example(2)],
    }),
    event({ type: `account.${long}_changed`, personal: [] }),
  ],
  consumers: [
    { name: hostile, topic: 'audit-events', types: ['*'], accept: () => [], kinds: [] },
    {
      name: 'counting-workers',
      types: ['*'],
      optIn: true,
      tables: { schema: hostile, migrations: '/', needs: { [long]: ['SELECT'] } },
      project: async () => {},
    },
  ],
  releases: [
    { version: '1.0.0', events: [event({ type: 'account.renamed' }), event({ type: 'account.gone', summary: hostile })] },
    {
      version: '2.0.0',
      events: [
        event({
          type: 'account.renamed',
          data: { type: 'object', required: ['campaign_id'], properties: { campaign_id: { type: 'string', format: 'uuid' } } },
        }),
      ],
    },
  ],
  sources: new Map([['account.profile.changed', { path: `src/${hostile}.ts`, text: `const text = '${hostile}' // ${long}` }]]),
}

function event(changes: Partial<EventDefinition> & { readonly type: string }): EventDefinition {
  return {
    version: 1,
    summary: `Something ${hostile} in \`code\` and ${long}.`,
    owner: { team: 'accounts', contact: 'accounts-team@example.com' },
    since: '1.0.0',
    retention: 'domain',
    key: 'campaign_id',
    data: {
      type: 'object',
      required: ['campaign_id'],
      properties: { campaign_id: { type: 'string', format: 'uuid' }, email: { type: 'string' } },
    },
    identity: ['campaign_id'],
    personal: ['email'],
    examples: [example(0)],
    ...changes,
  }
}

function example(number: number): Example {
  const id = createHash('sha256').update(String(number)).digest('hex')
  return { id, accountId: hostile, timestamp: '2026-03-01T09:30:00.000Z', data: { campaign_id: long, [hostile]: hostile } }
}
