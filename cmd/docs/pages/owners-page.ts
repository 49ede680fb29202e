import { anchor } from '../links.ts'
import { markup } from '../markup.ts'
import { contactOf, eventList, facts, section } from '../page-parts.ts'
import type { Page } from '../page-frame.ts'
import { byTeam, type SiteModel } from '../site-model.ts'

/** Every team that answers for events. */
export function ownersPage(model: SiteModel): Page {
  return {
    path: 'owners.html',
    title: 'Owners',
    main: markup`<h1>Owners</h1>
<p class="lead">The owner of an event decides about its schema, and is asked when its records are wrong.</p>
${[...byTeam(model.events)].map(([team, owned]) => {
  const contacts = [...new Set(owned.map(({ event }) => event.owner.contact))]
  const contact = facts([['Contact', contacts.map((one) => markup`${contactOf(one)} `)]])
  return section(anchor('team', team), team, [contact, eventList(owned, '')])
})}`,
  }
}
