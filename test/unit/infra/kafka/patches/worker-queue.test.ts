import { createRequire } from 'node:module'
import Runner from 'kafkajs/src/consumer/runner.js'
import { expect, test } from 'vitest'
import { patchWorkerQueue } from '../../../../../src/infra/kafka/patches/worker-queue.ts'

const require = createRequire(import.meta.url)
const createFetchManager: (options: object) => FetchManager = require('kafkajs/src/consumer/fetchManager.js')

interface FetchManager {
  start(): Promise<void>
  stop(): Promise<void>
  getFetchers(): readonly { getWorkerQueue(): { getWorkers(): { run: unknown }[]; push(...batches: readonly object[]): Promise<void> } }[]
}

const text = (path: string) => {
  const code: { toString(): string } = require(path)
  return code
    .toString()
    .replaceAll(/\/\/.*/g, '')
    .replaceAll(/\s+/g, ' ')
}

patchWorkerQueue()

/** A runner of kafkajs around its real fetch manager, without a group: `fetches` are the batches of one fetch each. */
function runner({ fetches, handleBatch }: { fetches: (readonly object[])[]; handleBatch: (batch: object) => Promise<void> }) {
  const consumerGroup = { fetch: async () => (await answered(), fetches.shift() ?? []), heartbeat: () => Promise.resolve() }
  const state = {
    running: true,
    consumerGroup,
    instrumentationEmitter: { emit: () => undefined },
    heartbeat: () => Promise.resolve(),
    handleBatch,
    fetchManager: createFetchManager({
      logger,
      getNodeIds: () => [0],
      fetch: (nodeId: number) => {
        for (const worker of fetchers()[0]?.getWorkerQueue().getWorkers() ?? []) worker.run = woken
        return Runner.prototype.fetch.call(state, nodeId)
      },
      handler: (batch: object) => handleBatch(batch),
      concurrency: 3,
    }),
  }
  const fetchers = () => state.fetchManager.getFetchers()
  return state.fetchManager
}

const answered = () => new Promise((resolve) => setImmediate(resolve))

const logger = { namespace: () => logger, debug: () => undefined, info: () => undefined }

const woken = () => {
  throw new Error('a worker was woken')
}

test('the batches of a fetch are handled at the same time, and the next fetch waits for all, without waking a worker', async () => {
  const events: string[] = []
  const ends = Promise.withResolvers<void>()
  const manager = runner({
    fetches: [
      [
        { topic: 't', partition: 0 },
        { topic: 't', partition: 1 },
      ],
      [{ topic: 't', partition: 2 }],
    ],
    handleBatch: async (batch) => {
      const partition = 'partition' in batch ? Number(batch.partition) : -1
      events.push(`begin ${partition}`)
      if (partition === 0) await ends.promise
      if (partition === 1) ends.resolve()
      events.push(`end ${partition}`)
      if (partition === 2) void manager.stop()
    },
  })
  await manager.start()
  expect(events).toEqual(['begin 0', 'begin 1', 'end 1', 'end 0', 'begin 2', 'end 2'])
})

test('an error of one batch ends the fetching after the others have ended', async () => {
  const ended: number[] = []
  const manager = runner({
    fetches: [
      [
        { topic: 't', partition: 0 },
        { topic: 't', partition: 1 },
      ],
    ],
    handleBatch: async (batch) => {
      const partition = 'partition' in batch ? Number(batch.partition) : -1
      if (partition === 0) throw new Error('rebalance')
      await answered()
      ended.push(partition)
    },
  })
  await expect(manager.start()).rejects.toThrow('rebalance')
  expect(ended).toEqual([1])
})

test('kafkajs’s functions are those that the patch was written for', () => {
  expect(text('kafkajs/src/consumer/workerQueue.js')).toMatchInlineSnapshot(
    `"({ workers }) => { /** @type {{ batch: T, resolve: (value?: any) => void, reject: (e: Error) => void}[]} */ const queue = [] const getWorkers = () => workers /** * Waits until workers have processed all batches in the queue. * * @param {...T} batches * @returns {Promise<void>} */ const push = async (...batches) => { const promises = batches.map( batch => new Promise((resolve, reject) => queue.push({ batch, resolve, reject })) ) workers.forEach(worker => worker.run({ next: () => queue.shift() })) const results = await Promise.allSettled(promises) const rejected = results.find(result => result.status === 'rejected') if (rejected) { throw rejected.reason } } return { push, getWorkers } }"`,
  )
  expect(text('kafkajs/src/consumer/worker.js')).toMatchInlineSnapshot(
    `"({ handler, workerId }) => { /** * Takes batches from next() until it returns undefined. * * @param {{ next: () => { batch: T, resolve: () => void, reject: (e: Error) => void } | undefined }} param0 * @returns {Promise<void>} */ const run = sharedPromiseTo(async ({ next }) => { while (true) { const item = next() if (!item) break const { batch, resolve, reject } = item try { await handler(batch, { workerId }) resolve() } catch (error) { reject(error) } } }) return { run } }"`,
  )
  expect(text('kafkajs/src/consumer/fetcher.js')).toContain('await workerQueue.push(...availableBatches)')
  expect(text('kafkajs/src/consumer/runner.js')).toContain('handler: batch => this.handleBatch(batch)')
})
