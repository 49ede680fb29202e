import Broker from 'kafkajs/src/broker/index.js'

/** The method as kafkajs ships it; a test compares its text, so that a new version is reviewed before it is patched. */
// oxlint-disable-next-line typescript/unbound-method -- called with the broker as `this`
export const unpatchedProduce = Broker.prototype.produce

/** `acknowledged` by all in-sync replicas; `refused`: not appended by its last request; `unknown`: sent, and it may be in the log or not. */
export type ProduceOutcome = 'acknowledged' | 'refused' | 'unknown'

const outcomes = new WeakMap<object, ProduceOutcome>()
const requests = new WeakMap<object, Promise<unknown>>()

/** What became of a message, by the object that kafkajs was given; undefined when it was never in a request. */
export function outcomeOf(message: object): ProduceOutcome | undefined {
  return outcomes.get(message)
}

/** Waits for the requests in flight that hold any of these messages: kafkajs rejects with the first failure, while others are in flight. */
export async function requestsEnded(messages: readonly object[]): Promise<void> {
  for (const request of new Set(messages.map((message) => requests.get(message)))) await request
}

/** What a request is rejected with, unsent, when a message of it has been acknowledged: kafkajs repeats requests that are still in flight. */
export class AlreadyAcknowledged extends Error {
  override readonly name = 'AlreadyAcknowledged'
}

/**
 * Remembers what became of each message. kafkajs 2.2.4 rejects a send with the first error of any partition, and loses which partitions have
 * acknowledged: a caller that sends again doubles their messages. It also takes back the sequence numbers of all partitions of that request, so
 * that the broker would take the next batch of an idempotent producer for one that it has: here, of those only that were not acknowledged.
 */
export function patchProduceOutcomes(): void {
  Broker.prototype.produce = observedProduce
}

const observedProduce: typeof unpatchedProduce = async function produce(request) {
  const { topicData } = request
  const messages = topicData.flatMap(({ partitions }) => partitions.flatMap((partition) => partition.messages))
  await requestsEnded(messages)
  if (messages.some((message) => outcomes.get(message) === 'acknowledged'))
    throw new AlreadyAcknowledged('a message of this request is in the log already')

  const errorCodes = new Map<string, number>()
  const observed = observing(this, (topic, partition, code) => errorCodes.set(keyOf(topic, partition), code))
  for (const message of messages) outcomes.set(message, 'unknown')
  const replied = unpatchedProduce.call(observed, request)
  const ended = replied.then(
    () => undefined,
    () => undefined,
  )
  for (const message of messages) requests.set(message, ended)
  try {
    const reply = await replied
    for (const message of messages) outcomes.set(message, 'acknowledged')
    return reply
  } catch (error) {
    for (const { topic, partitions } of topicData) {
      for (const { partition, messages: sent } of partitions) {
        const outcome = outcomeBy(errorCodes.get(keyOf(topic, partition)))
        for (const message of sent) outcomes.set(message, outcome)
      }
      const left = partitions.filter(({ partition }) => errorCodes.get(keyOf(topic, partition)) !== NONE)
      partitions.splice(0, partitions.length, ...left)
    }
    throw error
  }
}

/** The broker, with the error code of each partition in its reply reported before kafkajs throws the first. */
function observing<Self extends ThisParameterType<typeof unpatchedProduce>>(
  broker: Self,
  report: (topic: string, partition: number, code: number) => void,
): Self {
  const lookupRequest: Self['lookupRequest'] = (key, versions) => {
    const build = broker.lookupRequest(key, versions)
    return (fields) => {
      const { request, response } = build(fields)
      const parse: typeof response.parse = (reply) => {
        for (const { topicName, partitions } of reply.topics)
          for (const { partition, errorCode } of partitions) report(topicName, partition, errorCode)
        return response.parse(reply)
      }
      return { request, response: { decode: (bytes) => response.decode(bytes), parse } }
    }
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the broker itself, but for one method
  return Object.create(broker, { lookupRequest: { value: lookupRequest } }) as Self
}

const keyOf = (topic: string, partition: number) => `${topic}/${partition}`

/** Codes of the protocol: https://kafka.apache.org/protocol#protocol_error_codes */
const NONE = 0
const REQUEST_TIMED_OUT = 7
const NOT_ENOUGH_REPLICAS_AFTER_APPEND = 20
const UNKNOWN_SERVER_ERROR = -1

function outcomeBy(code: number | undefined): ProduceOutcome {
  if (code === NONE) return 'acknowledged'
  const isOpen =
    code === undefined || code === REQUEST_TIMED_OUT || code === NOT_ENOUGH_REPLICAS_AFTER_APPEND || code === UNKNOWN_SERVER_ERROR
  return isOpen ? 'unknown' : 'refused'
}
