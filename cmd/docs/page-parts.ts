import type { EventDefinition } from '../../src/events/catalogue/define-event.ts'
import type { FieldRow } from './field-rows.ts'
import { anchor, eventPath } from './links.ts'
import { markup, type Markup, type Part } from './markup.ts'
import type { ListedEvent } from './site-model.ts'

/** Text in which code stands between backticks, as in the catalogue. */
export function prose(text: string): readonly Markup[] {
  return text.split('`').map((part, index) => (index % 2 === 1 ? markup`<code>${part}</code>` : markup`${part}`))
}

/** A small label; `kind` chooses its colour. */
export function badge(kind: 'plain' | 'personal' | 'old', text: string): Markup {
  return markup`<span class="badge ${kind}">${text}</span> `
}

export function eventLink(type: string, root: string): Markup {
  return markup`<a href="${root}${eventPath(type)}"><code>${type}</code></a>`
}

/** A way to reach a team: a link where it is an address of mail, and text otherwise. */
export function contactOf(contact: string): Markup {
  return /^[^\s@:?&]+@[^\s@:?&]+$/.test(contact) ? markup`<a href="mailto:${contact}">${contact}</a>` : markup`${contact}`
}

/** What readers of a list should see of an event at once. */
export function eventBadges({ personal, deprecated }: EventDefinition): readonly Markup[] {
  return [
    ...(personal.length > 0 ? [badge('personal', 'personal data')] : []),
    ...(deprecated === undefined ? [] : [badge('old', 'deprecated')]),
  ]
}

/** Where an event is published, or what a group reads. */
export function topicFact(topic: string, isDefault: boolean): readonly Markup[] {
  return [markup`<code>${topic}</code>`, ...(isDefault ? [markup`, unless <code>KAFKA_TOPIC</code> names another`] : [])]
}

/** Events with a line each. */
export function eventList(events: readonly ListedEvent[], root: string): Markup {
  return markup`<ul class="events">${events.map(
    ({ event }) => markup`<li>${eventLink(event.type, root)} ${eventBadges(event)}<span class="about">${prose(event.summary)}</span></li>`,
  )}</ul>`
}

/** Facts about a thing: a term and what it is. */
export function facts(rows: readonly (readonly [term: string, value: Part])[]): Markup {
  return markup`<dl class="facts">${rows.map(([term, value]) => markup`<div><dt>${term}</dt><dd>${value}</dd></div>`)}</dl>`
}

/** A part of a page, which can be linked. */
export function section(id: string, title: Part, content: Part): Markup {
  return markup`<section id="${id}"><h2>${title}</h2>${content}</section>
`
}

/**
 * A table that becomes a list of cards where there is no room for columns. The roles are written out, because browsers take them away from
 * tables that are displayed otherwise.
 */
export function table(caption: string, head: readonly string[], rows: readonly (readonly Part[])[]): Markup {
  const cells = (row: readonly Part[]) =>
    row.map((cell, index) =>
      index === 0
        ? markup`<th role="rowheader" scope="row">${cell}</th>`
        : markup`<td role="cell" data-label="${head[index] ?? ''}"><div>${cell}</div></td>`,
    )
  return markup`<table role="table"><caption class="unseen">${caption}</caption>
<thead role="rowgroup"><tr role="row">${head.map((name) => markup`<th role="columnheader" scope="col">${name}</th>`)}</tr></thead>
<tbody role="rowgroup">${rows.map(
    (row) => markup`<tr role="row">${cells(row)}</tr>
`,
  )}</tbody></table>`
}

/** Fields with type, rules and what they mean. */
export function fieldTable(caption: string, rows: readonly FieldRow[], badgesOf: (path: string) => readonly Markup[] = () => []): Markup {
  const cells = table(
    caption,
    ['Field', 'Type', 'Required', 'Rules', 'Meaning'],
    rows.map(({ path, type, isRequired, rules, description }) => [
      markup`<code>${path}</code> ${badgesOf(path)}`,
      type,
      isRequired ? 'required' : 'optional',
      rules.map((rule) => markup`<span class="rule">${prose(rule)}</span>`),
      description === null ? null : prose(description),
    ]),
  )
  return markup`<div class="fields">${cells}</div>`
}

/** Code with a button that copies it, which the script shows. */
export function codeBlock(name: string, text: string): Markup {
  const id = anchor('code', name)
  return markup`<div class="code"><button type="button" class="copy" data-copies="${id}" aria-label="Copy ${name}" hidden>Copy</button><pre id="${id}"><code>${text}</code></pre></div>`
}
