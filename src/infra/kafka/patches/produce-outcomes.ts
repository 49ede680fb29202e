import Broker from 'kafkajs/src/broker/index.js'

/** The method as kafkajs ships it; a test compares its text, so that a new version is reviewed before it is patched. */
// oxlint-disable-next-line typescript/unbound-method -- called with the broker as `this`
export const unpatchedProduce = Broker.prototype.produce

/** `acknowledged` by all in-sync replicas; `refused`: not appended by any request; `unknown`: sent, and it may be in the log or not. */
export type ProduceOutcome = 'acknowledged' | 'refused' | 'unknown'

const watched = new WeakSet<object>()
const outcomes = new WeakMap<object, ProduceOutcome>()
const requests = new WeakMap<object, Promise<void>>()

/** Remembers the outcome of a message from now on, by the object that kafkajs is given. Messages of other programs in the process are left alone. */
export function watchOutcome(message: object): void {
  watched.add(message)
}

/** What became of a watched message; undefined when it was never in a request. */
export function outcomeOf(message: object): ProduceOutcome | undefined {
  return outcomes.get(message)
}

/** Waits until no request holds any of these messages: kafkajs rejects with the first failure, while others are in flight. */
export async function requestsEnded(messages: readonly object[]): Promise<void> {
  for (;;) {
    const open = messages.map((message) => requests.get(message)).find((request) => request !== undefined)
    if (open === undefined) return
    await open
  }
}

/**
 * What a request is rejected with, unsent, when another one holds a message of it, or had it acknowledged. kafkajs repeats requests that are
 * still in flight, and has chosen the sequence number of the second by then: it takes it back, and the message can be sent again.
 */
export class Superseded extends Error {
  override readonly name = 'Superseded'
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
  if (!messages.some((message) => watched.has(message))) return unpatchedProduce.call(this, request)
  if (messages.some((message) => requests.has(message) || outcomes.get(message) === 'acknowledged')) {
    await requestsEnded(messages)
    throw new Superseded('a message of this request was in another one')
  }
  const errorCodes = new Map<string, number>()
  const replied = unpatchedProduce.call(
    observing(this, (topic, partition, code) => errorCodes.set(keyOf(topic, partition), code)),
    request,
  )
  const ended = replied.then(
    () => settle(messages, 'acknowledged'),
    () => {
      for (const { topic, partitions } of topicData)
        for (const partition of partitions) settle(partition.messages, outcomeBy(errorCodes.get(keyOf(topic, partition.partition))))
    },
  )
  for (const message of messages) requests.set(message, ended)
  await ended
  try {
    return await replied
  } catch (error) {
    for (const { topic, partitions } of topicData) {
      const left = partitions.filter(({ partition }) => errorCodes.get(keyOf(topic, partition)) !== NONE)
      partitions.splice(0, partitions.length, ...left)
    }
    throw error
  }
}

/** Ends a request of these messages. One that may be in the log stays so until it is acknowledged, whatever its next request says. */
function settle(messages: readonly object[], outcome: ProduceOutcome): void {
  for (const message of messages) {
    requests.delete(message)
    if (outcome === 'acknowledged' || outcomes.get(message) !== 'unknown') outcomes.set(message, outcome)
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

const NONE = 0

/**
 * Errors with which a broker answers before it appends: CORRUPT_MESSAGE, MESSAGE_TOO_LARGE, INVALID_TOPIC_EXCEPTION, RECORD_LIST_TOO_LARGE,
 * NOT_ENOUGH_REPLICAS, TOPIC_AUTHORIZATION_FAILED, INVALID_TIMESTAMP, UNSUPPORTED_FOR_MESSAGE_FORMAT, POLICY_VIOLATION,
 * OUT_OF_ORDER_SEQUENCE_NUMBER, INVALID_RECORD (https://kafka.apache.org/protocol#protocol_error_codes). After others, such as that of a
 * leader that has changed while it waited for its replicas, the records may be there.
 */
const BEFORE_APPENDING: ReadonlySet<number> = new Set([2, 10, 17, 18, 19, 29, 32, 43, 44, 45, 87])

function outcomeBy(code: number | undefined): ProduceOutcome {
  if (code === NONE) return 'acknowledged'
  return code !== undefined && BEFORE_APPENDING.has(code) ? 'refused' : 'unknown'
}
