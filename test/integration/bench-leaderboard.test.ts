import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import { differenceFromRule } from '../../bench/leaderboard/proof.ts'
import { referrers, seedCampaign, verifyReferrals } from '../../bench/leaderboard/campaign.ts'
import { full, reference, windowed } from '../../bench/leaderboard/ways.ts'
import { cleanEnvironment } from '../../stack/worker-environment.ts'
import { migratedDatabase } from '../support/migrated-database.ts'

async function bench(...args: readonly string[]) {
  const child = spawn(process.execPath, [join(import.meta.dirname, '../../bench/leaderboard/main.ts'), ...args], {
    env: cleanEnvironment(),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [stdout, stderr, ended] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  return { stdout, stderr, code: ended[0] as unknown }
}

describe('npm run bench:leaderboard', () => {
  it('measures the three ways and checks what they stored, with one JSON object on standard output and a table on standard error', async () => {
    const { stdout, stderr, code } = await bench('--sizes', '200', '--json')
    expect({ code, complaints: code === 0 ? '' : stderr }).toEqual({ code: 0, complaints: '' })
    expect(stdout.trimEnd().split('\n')).toHaveLength(1)
    const figure: unknown = expect.toSatisfy((value) => typeof value === 'number' && value > 0)
    const time: unknown = expect.toSatisfy((value) => typeof value === 'number' && value >= 0)
    expect(JSON.parse(stdout)).toEqual({
      sizes: [
        {
          participants: 200,
          referenceMs: time,
          fullMs: time,
          windowedMs: time,
          windowedP99Ms: time,
          rowsWritten: figure,
          walBytes: figure,
          burstMs: time,
        },
      ],
    })
    // Two of the two hundred are out, so a rewrite is of 198 rows.
    expect(stderr).toMatch(/^ +200 {2}reference .* 198 /m)
    expect(stderr).toMatch(/^ +200 {2}windowed /m)
    expect(stderr).toMatch(/^Blocking the first of 200: .* 198 rows, /m)
  })

  it.each([
    [['--sizes', '5x'], '"5x" is no size: give whole numbers from 100 to 10m, as 500, 10k or 1m, with commas between.'],
    [['--sizes'], `option '--sizes <list>' argument missing`],
    [['--size', '1k'], `unknown option '--size'`],
    [['1k'], 'too many arguments'],
  ])('refuses %j with a sentence, before anything starts', async (args, sentence) => {
    const { stdout, stderr, code } = await bench(...args)
    expect({ stdout, code }).toEqual({ stdout: '', code: 1 })
    expect(stderr).toContain(sentence)
    expect(stderr).not.toContain('PostgreSQL')
  })
})

describe('the check of the benchmark', () => {
  it('passes for each of the ways, and names positions that differ from the rule', async () => {
    await using database = await disposable()
    const campaignId = await seedCampaign(database.sql, 300)
    const difference = () => differenceFromRule(database.sql, campaignId, 10)
    expect(await difference()).toMatch(/^\d+ of 297 positions are wrong, the first of them is stored as \d+ and should be \d+$/)
    const by = referrers(300)
    for (const way of [reference, windowed, full, windowed]) {
      await verifyReferrals(database.sql, [by.next().value, by.next().value])
      expect(await difference()).not.toBeNull()
      expect(await way(database, campaignId)).toBeGreaterThan(0)
      expect(await difference()).toBeNull()
    }
    const [row] = await database.sql.query<{ moved: number }>(
      'UPDATE waitlist_users SET position = position + 1 WHERE position = 297 AND ranked_score IS NOT NULL RETURNING position AS moved',
    )
    expect(row).toEqual({ moved: 298 })
    expect(await difference()).toBe('1 of 297 positions are wrong, the first of them is stored as 298 and should be 297')
  })
})

async function disposable() {
  const database = await migratedDatabase()
  return { ...database, [Symbol.asyncDispose]: () => database.close() }
}
