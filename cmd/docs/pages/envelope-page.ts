import { envelopeSchema } from '../../../src/events/catalogue/catalogue.ts'
import { header } from '../../../src/events/header.ts'
import { fieldRows } from '../field-rows.ts'
import { markup } from '../markup.ts'
import { fieldTable, section, table } from '../page-parts.ts'
import type { Page } from '../page-frame.ts'

/** What all events have in common on the wire. */
export function envelopePage(): Page {
  return {
    path: 'envelope.html',
    title: 'Envelope',
    main: markup`<h1>Envelope</h1>
<p class="lead">The value of a record is JSON with these fields. <code>data</code> is that of the event.</p>
${section('value', 'Value', fieldTable('Fields of the envelope', fieldRows(envelopeSchema)))}
${section(
  'headers',
  'Headers',
  table(
    'Headers of a record',
    ['Header', 'Required', 'Meaning'],
    headers.map(([name, required, meaning]) => [markup`<code>${name}</code>`, required, meaning]),
  ),
)}`,
  }
}

const headers: readonly (readonly [string, 'required' | 'optional', string])[] = [
  [header.type, 'required', 'The type of the event: groups skip what they do not handle without parsing it.'],
  [header.version, 'required', 'The version of its data, such as 1 or 1.2.'],
  [header.id, 'required', 'The id of the event, a UUID, which is that of the value.'],
  [header.contentType, 'optional', 'application/json'],
  [header.timestamp, 'optional', 'When it happened, by RFC 3339.'],
  [header.correlationId, 'optional', 'The request or process that caused it.'],
  [header.traceparent, 'optional', 'The W3C trace context of its publisher.'],
]
