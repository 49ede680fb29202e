import { consumerPath } from '../links.ts'
import { markup } from '../markup.ts'
import { eventLink, table } from '../page-parts.ts'
import type { Page } from '../page-frame.ts'
import { retentionInWords, type SiteModel } from '../site-model.ts'

/** Every field with personal data: where it is, for how long, and who reads it. */
export function personalPage({ events }: SiteModel): Page {
  const rows = events.flatMap(({ event, topic, readers }) =>
    event.personal.map((field) => [
      markup`<code>${field}</code>`,
      eventLink(event.type, ''),
      markup`<code>${topic}</code>, ${retentionInWords(event)}`,
      readers.map(({ name }) => markup`<span class="rule"><a href="${consumerPath(name)}"><code>${name}</code></a></span>`),
    ]),
  )
  return {
    path: 'personal.html',
    title: 'Personal data',
    main: markup`<h1>Personal data</h1>
<p class="lead">Fields that hold personal data in plain text. Ids of people are pseudonyms and not listed.</p>
${rows.length === 0 ? markup`<p>No event has one.</p>` : table('Fields with personal data', ['Field', 'Event', 'Kept in', 'Read by'], rows)}`,
  }
}
