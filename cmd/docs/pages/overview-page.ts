import { markup } from '../markup.ts'
import { eventList, section } from '../page-parts.ts'
import type { Page } from '../page-frame.ts'
import { anchor } from '../links.ts'
import { byDomain, byTeam, counted, type SiteModel } from '../site-model.ts'

/** Every event, by domain. */
export function overviewPage(model: SiteModel): Page {
  const domains = byDomain(model.events)
  const of = [counted(domains.size, 'domain'), counted(byTeam(model.events).size, 'owner'), counted(model.consumers.length, 'consumer')]
  return {
    path: 'index.html',
    title: 'Event catalogue',
    main: markup`<h1>Event catalogue</h1>
<p class="lead">${counted(model.events.length, 'event')} in ${of[0] ?? ''}, with <a href="owners.html">${of[1] ?? ''}</a> and <a href="consumers.html">${of[2] ?? ''}</a>. Release <a href="releases.html">${model.version}</a>.</p>
${[...domains].map(([domain, events]) => section(anchor('domain', domain), domain, eventList(events, '')))}`,
  }
}
