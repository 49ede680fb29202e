import type { Change } from '../../../src/catalogue/diff.ts'
import { anchor } from '../links.ts'
import { markup, type Markup } from '../markup.ts'
import { badge, eventLink, prose, section } from '../page-parts.ts'
import type { Page } from '../page-frame.ts'
import type { SiteModel } from '../site-model.ts'

/** What each release of the catalogue changed. */
export function releasesPage({ releases, events }: SiteModel): Page {
  const there = new Set(events.map(({ event }) => event.type))
  const line = (change: Change) => {
    const name = there.has(change.type) ? eventLink(change.type, '') : markup`<code>${change.type}</code>`
    return markup`<li>${name} ${prose(change.sentence)}. ${hurt(change)}</li>`
  }
  return {
    path: 'releases.html',
    title: 'Releases',
    main: markup`<h1>Releases</h1>
<p class="lead">Differences between one release of the catalogue and the next. Publishers follow the schema strictly; consumers ignore fields that they do not know.</p>
${releases.map(({ version, isAhead, changes }) => {
  const list = changes.length === 0 ? markup`<p>No event is different.</p>` : markup`<ul>${changes.map(line)}</ul>`
  return section(anchor('release', isAhead ? 'next' : version), isAhead ? `${version}, not released yet` : version, list)
})}`,
  }
}

/** A difference on the page of its event. */
export function changeOfEvent(change: Change): Markup {
  const isAboutField = change.sentence.startsWith('/') || change.sentence.startsWith('data ')
  return markup`${isAboutField ? '' : 'It '}${prose(change.sentence)}. ${hurt(change)}`
}

function hurt({ hurts }: Change): Markup | null {
  return hurts === null ? null : badge('old', `breaks an ${hurts}`)
}
