import { randomInt } from 'node:crypto'
import type { Sql } from '../../std/sql.ts'

const placeholder = '{random}'

/** Letters and digits that are not confused when a code is read aloud or typed. */
const alphabet = '23456789ABCDEFGHJKMNPQRSTUVWXYZ'
const length = 10

/** Ten characters of 31, from the system's generator: 49 bits, so that codes cannot be guessed and practically never collide. */
export function randomCode(): string {
  return Array.from({ length }, () => alphabet.charAt(randomInt(alphabet.length))).join('')
}

export interface CodeRequest {
  readonly campaignId: string
  readonly userRewardId: string
  readonly template: string
}

/** More collisions would mean that the generator repeats itself. */
const maxTries = 20

/**
 * The code of a template: the template itself, or, with `{random}` in it, a code that is unique in its campaign and reserved in this
 * transaction. A reward that already has a reservation gets the same code.
 *
 * @throws {Error} no free code was found.
 */
export async function codeFrom(request: CodeRequest, tx: Sql, random: () => string): Promise<string> {
  const { campaignId, userRewardId, template } = request
  if (!template.includes(placeholder)) return template
  for (let attempt = 0; attempt < maxTries; attempt++) {
    const code = template
      .split(placeholder)
      .map((part, index) => (index === 0 ? part : random() + part))
      .join('')
    // DO NOTHING, because an error would end the whole transaction. For an uncommitted duplicate the index waits.
    const inserted = await tx.query(
      'INSERT INTO worker.reward_codes (campaign_id, code, user_reward_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING code',
      [campaignId, code, userRewardId],
    )
    if (inserted.length > 0) return code
    const [reserved] = await tx.query<{ code: string }>('SELECT code FROM worker.reward_codes WHERE user_reward_id = $1', [userRewardId])
    if (reserved !== undefined) return reserved.code
  }
  throw new Error(`No free reward code after ${maxTries} tries.`)
}
