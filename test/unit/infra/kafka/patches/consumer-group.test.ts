import { expect, test } from 'vitest'
import { unpatchedFetch, unpatchedJoin } from '../../../../../src/infra/kafka/patches/consumer-group.ts'

test('kafkajs’s join is the one that the patch was written for', () => {
  expect(
    unpatchedJoin
      .toString()
      .replaceAll(/\/\/.*/g, '')
      .replaceAll(/\s+/g, ' '),
  ).toMatchInlineSnapshot(
    `"joinAndSync() { const startJoin = Date.now() return this.retrier(async bail => { try { await this[PRIVATE.JOIN]() await this[PRIVATE.SYNC]() const memberAssignment = this.assigned().reduce( (result, { topic, partitions }) => ({ ...result, [topic]: partitions }), {} ) const payload = { groupId: this.groupId, memberId: this.memberId, leaderId: this.leaderId, isLeader: this.isLeader(), memberAssignment, groupProtocol: this.groupProtocol, duration: Date.now() - startJoin, } this.instrumentationEmitter.emit(GROUP_JOIN, payload) this.logger.info('Consumer has joined the group', payload) } catch (e) { if (isRebalancing(e)) { throw new KafkaJSError(e) } if (e.type === 'UNKNOWN_MEMBER_ID') { this.memberId = null throw new KafkaJSError(e) } bail(e) } }) }"`,
  )
})

test('kafkajs’s fetch returns its batches as the patch expects', () => {
  const text = unpatchedFetch.toString().replaceAll(/\s+/g, ' ')
  expect(text).toContain(
    'const fetchedOffset = partitionRequestData.fetchOffset return new Batch(topicName, fetchedOffset, partitionData) }) })',
  )
  expect(text).toContain('catch (e) { await this.recoverFromFetch(e) return [] }')
})
