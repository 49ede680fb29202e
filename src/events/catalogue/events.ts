import { campaignMilestoneReached } from './campaign/campaign-milestone-reached.ts'
import { referralCreated } from './referral/referral-created.ts'
import { referralVerified } from './referral/referral-verified.ts'
import { rewardEarned } from './reward/reward-earned.ts'
import { userSignedUp } from './user/user-signed-up.ts'
import { userVerified } from './user/user-verified.ts'

/** Every event there is: a file in the folder of its domain, and one line each. */
export const events = [userSignedUp, userVerified, referralCreated, referralVerified, rewardEarned, campaignMilestoneReached] as const
