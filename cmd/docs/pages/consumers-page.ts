import { deadLetterTopic } from '../../../src/ingest/dead-letter.ts'
import { isProjecting, type Consumer } from '../../../src/model/consumer.ts'
import { anchor } from '../links.ts'
import { markup, type Part } from '../markup.ts'
import { eventList, facts, section, topicFact } from '../page-parts.ts'
import type { Page } from '../page-frame.ts'
import type { SiteModel } from '../site-model.ts'

/** Every consumer group, with the events that it handles. */
export function consumersPage(model: SiteModel): Page {
  return {
    path: 'consumers.html',
    title: 'Consumers',
    main: markup`<h1>Consumers</h1>
<p class="lead">Each is a consumer group: every event that it handles ends in one recorded outcome. Groups and topics stand here without a prefix of the deployment.</p>
${model.consumers.map((consumer) => {
  const handled = model.events.filter(({ readers }) => readers.includes(consumer))
  const name = markup`<code>${consumer.name}</code>`
  return section(anchor('group', consumer.name), name, [factsOf(consumer, model), eventList(handled, '')])
})}`,
  }
}

function factsOf(consumer: Consumer, { defaultTopic }: SiteModel): Part {
  const topic = consumer.topic ?? defaultTopic
  return facts([
    ['Handles', consumer.types.map((pattern) => markup`<code>${pattern}</code> `)],
    ['Topic', topicFact(topic, consumer.topic === undefined)],
    ['Dead letters', markup`<code>${deadLetterTopic(topic, consumer.name)}</code>`],
    ['Effects', effectsOf(consumer)],
    ['Runs', consumer.optIn === true ? [markup`only where <code>KAFKA_GROUPS</code> names it`] : 'by default'],
  ])
}

function effectsOf(consumer: Consumer): Part {
  if (!isProjecting(consumer))
    return consumer.kinds.map(({ kind, channel }) => markup`<span class="rule"><code>${kind}</code> by ${channel}</span>`)
  const { schema, needs } = consumer.tables
  return ['rows of its own: ', Object.keys(needs).map((table) => markup`<code>${schema}.${table}</code> `)]
}
