import { SqlError, type Database } from '../../src/std/sql.ts'
import type { Sql } from '../../src/std/sql.ts'
import { writeSeedData } from './platform-seed.ts'
import type { EndpointAddress } from './platform-seed.ts'
import type { SeedData } from './seed-data.ts'
import type { Write } from './step.ts'

/** Simulates the platform: the program that owns the platform's tables and changes them while the worker runs. */
export interface PlatformWriter {
  begin(seedData: SeedData, address: EndpointAddress): Promise<void>
  /** All in one transaction, with `at` as its time. */
  write(writes: readonly Write[], at: Date): Promise<void>
}

/** @param epoch what `joinedAt` of a person counts from */
export function createPlatformWriter(database: Database, epoch: Date): PlatformWriter {
  return {
    begin: (seedData, address) => database.transaction((tx) => writeSeedData(tx, seedData, address)),
    write: async (writes, at) => {
      if (writes.length === 0) return
      for (let attempt = 1; ; attempt++) {
        try {
          await database.transaction((tx) => writeAll(tx, writes, at, epoch))
          return
        } catch (error) {
          // We update many rows that a recalculation updates too, in another order; the loser of a deadlock starts again.
          if (!(error instanceof SqlError) || !LOST_A_LOCK.has(error.state ?? '') || attempt === 20) throw error
        }
      }
    },
  }
}

/** deadlock_detected, lock_not_available: https://www.postgresql.org/docs/current/errcodes-appendix.html */
const LOST_A_LOCK = new Set(['40P01', '55P03'])

/** Kind by kind, which is as good as one by one: within one kind and between those later in the list no order matters. */
async function writeAll(tx: Sql, writes: readonly Write[], at: Date, epoch: Date): Promise<void> {
  const all = <Kind extends Write['is']>(kind: Kind) => writes.filter((write): write is Extract<Write, { is: Kind }> => write.is === kind)
  const people = all('join').map(({ person }) => person)
  const referrals = all('refer').map(({ referral }) => referral)
  const confirmed = all('confirm').map(({ referral }) => referral)
  await rows(tx, insertPeople, people, [at, epoch])
  await rows(tx, insertReferrals, referrals, [at])
  await rows(tx, countReferrals, referrals, [at])
  await rows(tx, verifyPeople, all('verify'), [at])
  await rows(tx, confirmReferrals, confirmed, [at])
  await rows(tx, countVerifiedReferrals, confirmed, [at])
  await rows(tx, leave, all('leave'), [at])
  await rows(
    tx,
    insertGrants,
    all('grant').map(({ grant }) => grant),
    [at],
  )
}

/** One statement for any number of rows, which it gets as `$1`, a JSON array. */
async function rows(tx: Sql, statement: string, values: readonly object[], more: readonly unknown[]): Promise<void> {
  if (values.length > 0) await tx.query(statement, [JSON.stringify(values), ...more])
}

const given = (columns: string) => `jsonb_to_recordset($1::jsonb) AS given (${columns})`

const insertPeople = `
  INSERT INTO platform.waitlist_users (id, campaign_id, email, first_name, last_name, position, original_position, referral_code,
    referred_by_id, verification_token, marketing_consent, last_activity_at, created_at, updated_at)
  SELECT id, "campaignId", email, "firstName", "lastName", "originalPosition", "originalPosition", "referralCode",
    "referredById", 'token-' || "referralCode", consent, $2, $3::timestamptz + "joinedAt" * interval '1 millisecond', $2
    FROM ${given(`id uuid, "campaignId" uuid, email text, "firstName" text, "lastName" text, "originalPosition" int, "referralCode" text,
      "referredById" uuid, consent boolean, "joinedAt" int`)}`

const referral = given('id uuid, "campaignId" uuid, "referrerId" uuid, "referredId" uuid')

const insertReferrals = `
  INSERT INTO platform.referrals (id, campaign_id, referrer_id, referred_id, created_at, updated_at)
  SELECT id, "campaignId", "referrerId", "referredId", $2, $2 FROM ${referral}`

const countReferrals = `
  UPDATE platform.waitlist_users AS u SET referral_count = referral_count + n, last_activity_at = $2, updated_at = $2
    FROM (SELECT "referrerId" AS id, count(*)::int AS n FROM ${referral} GROUP BY 1) AS c WHERE u.id = c.id`

const verifyPeople = `
  UPDATE platform.waitlist_users AS u
     SET status = 'verified', email_verified = true, verification_token = NULL, verified_at = $2, last_activity_at = $2, updated_at = $2
    FROM ${given('"personId" uuid')} WHERE u.id = "personId"`

const confirmReferrals = `
  UPDATE platform.referrals AS r SET status = 'verified', verified_at = $2, updated_at = $2 FROM ${given('id uuid')} WHERE r.id = given.id`

const countVerifiedReferrals = `
  UPDATE platform.waitlist_users AS u SET verified_referral_count = verified_referral_count + n, updated_at = $2
    FROM (SELECT "referrerId" AS id, count(*)::int AS n FROM ${referral} GROUP BY 1) AS c WHERE u.id = c.id`

const leave = `
  UPDATE platform.waitlist_users AS u
     SET status = CASE how WHEN 'deleted' THEN status ELSE how END, deleted_at = CASE how WHEN 'deleted' THEN $2::timestamptz END, updated_at = $2
    FROM ${given('"personId" uuid, how text')} WHERE u.id = "personId"`

const insertGrants = `
  INSERT INTO platform.user_rewards (id, user_id, reward_id, campaign_id, status, earned_at, created_at, updated_at)
  SELECT id, "personId", "rewardId", "campaignId", 'earned', $2, $2, $2
    FROM ${given('id uuid, "personId" uuid, "rewardId" uuid, "campaignId" uuid')}`
