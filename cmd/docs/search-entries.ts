import { consumerPath, eventPath, ownerPath } from './links.ts'
import { commonPages } from './common-pages.ts'
import { fieldRows } from './field-rows.ts'
import { recordHeaders } from './record-headers.ts'
import { envelopeSchema } from '../../src/events/catalogue/catalogue.ts'
import { inputName, methodName } from '../../src/events/input-names.ts'
import { byTeam, counted, retentionInWords, type SiteModel } from './site-model.ts'

/** Something that the search finds. */
export interface SearchEntry {
  readonly title: string
  readonly kind: 'event' | 'consumer' | 'owner' | 'header' | 'page'
  /** From the folder of the site. */
  readonly path: string
  readonly summary: string
  /** More that it is found by, in lower case. */
  readonly words: string
}

export function searchEntries(model: SiteModel): readonly SearchEntry[] {
  const events = model.events.map(({ event, topic, readers }): SearchEntry => {
    const fields = fieldRows(event.data).flatMap(({ path, description }) => [path, description ?? ''])
    const marks = [event.deprecated === undefined ? '' : 'deprecated', event.personal.length > 0 ? 'personal data' : '']
    const about = [event.owner.team, event.owner.contact, topic, event.key, event.retention, retentionInWords(event), ...marks]
    const published = [methodName(event.type), ...Object.keys(event.data.properties).map(inputName)]
    const words = [...fields, ...published, ...about, ...readers.map(({ name }) => name)]
    return { title: event.type, kind: 'event', path: eventPath(event.type), summary: event.summary, words: found(words) }
  })
  const consumers = model.consumers.map(({ name, types }): SearchEntry => {
    const handled = model.events.filter(({ readers }) => readers.some((reader) => reader.name === name))
    const summary = `Handles ${counted(handled.length, 'event')}`
    return {
      title: name,
      kind: 'consumer',
      path: consumerPath(name),
      summary,
      words: found([...types, ...handled.map(({ event }) => event.type)]),
    }
  })
  const owners = [...byTeam(model.events)].map(([team, owned]): SearchEntry => {
    const words = owned.flatMap(({ event }) => [event.type, event.owner.contact])
    return { title: team, kind: 'owner', path: ownerPath(team), summary: `Owns ${counted(owned.length, 'event')}`, words: found(words) }
  })
  return [...events, ...consumers, ...owners, ...headerEntries, ...pageEntries]
}

const headerEntries = recordHeaders.map(({ name, meaning }): SearchEntry => {
  return { title: name, kind: 'header', path: 'envelope.html#headers', summary: meaning, words: 'header' }
})

const envelopeFields = Object.keys(envelopeSchema.properties)
const pageEntries = commonPages.map(({ path, name, summary }): SearchEntry => {
  const words = path === 'envelope.html' ? [...envelopeFields, ...envelopeFields.map(inputName)] : []
  return { title: name, kind: 'page', path, summary, words: found(words) }
})

function found(words: readonly string[]): string {
  return [...new Set(words.filter((word) => word !== ''))].join(' ').toLowerCase()
}
