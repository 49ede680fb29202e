import { envelopeSchema } from '../../../src/events/catalogue/catalogue.ts'
import { fieldRows } from '../field-rows.ts'
import { recordHeaders } from '../record-headers.ts'
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
    recordHeaders.map(({ name, required, meaning }) => [markup`<code>${name}</code>`, required, meaning]),
  ),
)}`,
  }
}
