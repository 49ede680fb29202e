import { array, assert, constantFrom, nat, oneof, property, record } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BusyWorkers } from '../../../src/delivery/busy-workers.ts'
import type { Intent } from '../../../src/model/intent.ts'
import { sampleIntent } from '../../support/sample-intent.ts'

const campaigns = ['a', 'b', 'c']
const channels = ['email', 'webhook'] as const

const begin = record({ campaignId: constantFrom(...campaigns), channel: constantFrom(...channels), id: constantFrom('1', '2', '3') })
const end = nat(20).map((index) => ({ end: index }))
const learn = record({ learn: constantFrom(...campaigns), account: constantFrom('x', 'y', null) })

describe('busy workers', () => {
  it('are counted by campaign, account and channel, whatever begins, ends, becomes known or is forgotten, and whichever runs twice', () => {
    assert(
      property(array(oneof(begin, end, learn), { maxLength: 40 }), (steps) => {
        const accounts = new Map<string, string>()
        const accountOf = ({ campaignId }: Intent) => accounts.get(campaignId) ?? null
        const running = new BusyWorkers(accountOf)
        let expected: readonly Intent[] = []
        for (const step of steps) {
          if ('learn' in step) {
            if (step.account === null) accounts.delete(step.learn)
            else accounts.set(step.learn, step.account)
            running.recount()
          } else if ('end' in step) {
            const ended = expected[step.end]
            if (ended !== undefined) running.end(ended)
            expected = expected.filter((intent) => intent !== ended)
          } else {
            const begun = sampleIntent(step)
            running.begin(begun)
            expected = [...expected, begun]
          }
          const count = (is: (intent: Intent) => boolean) => expected.filter(is).length
          expect([...running]).toEqual(expected)
          expect(running.size).toBe(expected.length)
          for (const channel of channels) expect(running.of(channel)).toBe(count((intent) => intent.channel === channel))
          for (const intent of campaigns.map((campaignId) => sampleIntent({ campaignId }))) {
            const account = accountOf(intent)
            const ofAccount = account === null ? 0 : count((other) => accountOf(other) === account)
            expect(running.sharedWith(intent)).toBe(
              Math.max(
                count(({ campaignId }) => campaignId === intent.campaignId),
                ofAccount,
              ),
            )
          }
        }
      }),
    )
  })
})
