import { describe, expect, it } from 'vitest'
import { createLog } from '../../../../src/infra/telemetry/log.ts'
import { announceStart, startupBlock } from '../../../../src/infra/telemetry/startup-block.ts'

const facts = {
  topic: 'domain-events',
  brokers: ['localhost:9092'],
  poolSize: 10,
  mailRestricted: false,
  groups: [
    { name: 'email-workers', types: ['user.*', 'referral.verified', 'reward.earned', 'campaign.*'], topic: 'domain-events', workers: 10 },
    { name: 'position-workers', types: ['referral.verified'], topic: 'domain-events', workers: 1 },
    { name: 'reward-workers', types: ['reward.earned'], topic: 'domain-events', workers: 10 },
    { name: 'export-workers', types: ['campaign.exported'], topic: 'audit-events', workers: 1 },
  ],
}

describe('the start-up block', () => {
  it('is formatted as documented, and names a topic and a pool size that differ', () => {
    expect(startupBlock(facts)).toBe(
      [
        'Kafka event consumer server configuration:',
        '  - Domain events topic: domain-events',
        '  - Kafka brokers: [localhost:9092]',
        '  - Worker pool size: 10 per consumer',
        '  - Consumer groups:',
        '    * email-workers (processes: user.*, referral.verified, reward.earned, campaign.*)',
        '    * position-workers (processes: referral.verified; 1 worker)',
        '    * reward-workers (processes: reward.earned)',
        '    * export-workers (processes: campaign.exported; from audit-events; 1 worker)',
      ].join('\n'),
    )
  })

  it.each([true, false])('is printed on a terminal only, the structured line always (terminal: %s)', (isTTY) => {
    const lines: string[] = []
    const shown: string[] = []
    announceStart(facts, createLog({ level: 'info', destination: { write: (line: string) => lines.push(line) } }), {
      isTTY,
      write: (text) => shown.push(text),
    })
    expect(shown).toEqual(isTTY ? [`${startupBlock(facts)}\n`] : [])
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ msg: 'starting', level: 'info', ...facts })
  })
})
