import { envelopeOf } from '../../../src/catalogue/asyncapi.ts'
import { header } from '../../../src/events/header.ts'
import { inputName, methodName } from '../../../src/events/input-names.ts'
import { versionText } from '../../../src/events/upcast.ts'
import { isProjecting, type Consumer } from '../../../src/model/consumer.ts'
import { fieldRows } from '../field-rows.ts'
import { consumerPath, eventPath, ownerPath, rootFrom, sourcePath } from '../links.ts'
import { markup, type Markup } from '../markup.ts'
import { badge, codeBlock, contactOf, eventBadges, eventLink, facts, fieldTable, prose, section, topicFact } from '../page-parts.ts'
import type { Page } from '../page-frame.ts'
import { retentionInWords, type ListedEvent, type SiteModel } from '../site-model.ts'
import { changeOfEvent } from './releases-page.ts'

/** One event: what it says, who answers for it, where it is, and who reads it. */
export function eventPage(listed: ListedEvent, model: SiteModel): Page {
  const { event } = listed
  const path = eventPath(event.type)
  const root = rootFrom(path)
  return {
    path,
    title: event.type,
    main: markup`<h1><code>${event.type}</code></h1>
<p class="lead">${prose(event.summary)}</p>
<p class="badges">${badge('plain', `version ${versionText(event)}`)}${eventBadges(event)}</p>
${notice(listed, root)}${factsOf(listed, root)}
${section(
  'fields',
  'Fields',
  fieldTable(`Fields of ${event.type}`, fieldRows(event.data), (field) => fieldBadges(listed, field)),
)}
${section('examples', event.examples.length === 1 ? 'Example' : 'Examples', examplesOf(listed))}
${section('consumers', 'Consumers', readersOf(listed.readers, root))}
${section('history', 'History', historyOf(event.type, model))}`,
  }
}

function notice({ event, replaces }: ListedEvent, root: string): Markup | null {
  const { deprecated } = event
  if (deprecated === undefined)
    return replaces.length === 0 ? null : markup`<p>It takes the place of ${replaces.map((type) => markup`${eventLink(type, root)} `)}</p>`
  const instead =
    deprecated.successor === null ? markup`It has no successor.` : markup`Use ${eventLink(deprecated.successor, root)} instead.`
  return markup`<p class="notice"><strong>Deprecated since <time datetime="${deprecated.on}">${deprecated.on}</time>.</strong> No new code publishes or handles it. ${instead}</p>`
}

function factsOf({ event, topic, source }: ListedEvent, root: string): Markup {
  const older = Object.keys(event.upcasters ?? {})
  return facts([
    ['Owner', [markup`<a href="${root}${ownerPath(event.owner.team)}">${event.owner.team}</a>, `, contactOf(event.owner.contact)]],
    ['Published by', markup`<code>${publishing(event)}</code>`],
    ['Topic', topicFact(topic, event.topic === undefined)],
    ['Key', [markup`<code>${event.key}</code>`, ': events with one key keep their order']],
    [
      'Identity',
      [event.identity.map((field, index) => markup`${index === 0 ? '' : ', '}<code>${field}</code>`), ': one fact, one event id'],
    ],
    ['Retention', [markup`<code>${event.retention}</code>`, `, ${retentionInWords(event)}`]],
    ['Personal data', event.personal.length === 0 ? 'none' : event.personal.map((field) => markup`<code>${field}</code> `)],
    ['Since', markup`release <a href="${root}releases.html">${event.since}</a>`],
    ...(older.length === 0 ? [] : [['Older versions', `records of version ${older.join(' and ')} are read as the current one`] as const]),
    [
      'Defined in',
      [
        source === null ? '' : markup`<a href="${root}${sourcePath(event.type)}"><code>${source.path}</code></a>, `,
        markup`<a href="${root}asyncapi.yaml">AsyncAPI document</a>`,
      ],
    ],
  ])
}

/** The publisher's method with the input that it needs. */
function publishing({ type, data }: ListedEvent['event']): string {
  const own = data.required.filter((field) => field !== 'campaign_id').map(inputName)
  return `${methodName(type)}({ ${['accountId', 'campaignId', ...own].join(', ')} })`
}

function fieldBadges({ event }: ListedEvent, field: string): readonly Markup[] {
  return [
    ...(event.personal.some((one) => isWithin(field, one)) ? [badge('personal', 'personal')] : []),
    ...(event.key === field ? [badge('plain', 'key')] : []),
    ...(event.identity.includes(field) ? [badge('plain', 'identity')] : []),
  ]
}

/** It is the other field, or a part of it. */
function isWithin(field: string, other: string): boolean {
  return field === other || field.startsWith(`${other}.`) || field.startsWith(`${other}[]`)
}

function examplesOf({ event, topic }: ListedEvent): readonly Markup[] {
  return event.examples.map((example, index) => {
    const number = event.examples.length === 1 ? '' : ` ${index + 1}`
    const headers = [
      [header.type, event.type],
      [header.version, versionText(event)],
      [header.id, example.id],
      [header.contentType, 'application/json'],
    ]
    return markup`<p>The value of a record in <code>${topic}</code>:</p>
${codeBlock(`example${number}`, JSON.stringify(envelopeOf(event, example), null, 2))}
<p>Its headers:</p>
${codeBlock(`headers${number}`, headers.map(([name, value]) => `${name}: ${value}`).join('\n'))}`
  })
}

function readersOf(readers: readonly Consumer[], root: string): Markup {
  if (readers.length === 0) return markup`<p>No consumer handles it.</p>`
  return markup`<ul>${readers.map(
    (reader) => markup`<li><a href="${root}${consumerPath(reader.name)}"><code>${reader.name}</code></a> ${effectsInWords(reader)}</li>`,
  )}</ul>`
}

function effectsInWords(consumer: Consumer): string {
  if (isProjecting(consumer)) return `keeps rows in the schema ${consumer.tables.schema}`
  return `acts by ${[...new Set(consumer.kinds.map(({ channel }) => channel))].join(' or ')}`
}

function historyOf(type: string, { releases }: SiteModel): Markup {
  const own = releases
    .map((release) => ({ ...release, changes: release.changes.filter((change) => change.type === type) }))
    .filter(({ changes }) => changes.length > 0)
  return markup`<dl class="facts">${own.map(
    ({ version, isAhead, changes }) =>
      markup`<div><dt>${version}${isAhead ? ' (not released yet)' : ''}</dt><dd><ul>${changes.map((change) => markup`<li>${changeOfEvent(change)}</li>`)}</ul></dd></div>`,
  )}</dl>`
}
