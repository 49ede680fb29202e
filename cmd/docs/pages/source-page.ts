import { rootFrom, sourcePath } from '../links.ts'
import { markup } from '../markup.ts'
import { codeBlock, eventLink } from '../page-parts.ts'
import type { Page } from '../page-frame.ts'
import type { ListedEvent, SourceText } from '../site-model.ts'

/** The file in which an event is defined: the site may be read where the repository is not. */
export function sourcePage({ event }: ListedEvent, { path, text }: SourceText): Page {
  const own = sourcePath(event.type)
  return {
    path: own,
    title: `Source of ${event.type}`,
    main: markup`<h1>Source of ${eventLink(event.type, rootFrom(own))}</h1>
<p><code>${path}</code></p>
${codeBlock('source', text)}`,
  }
}
