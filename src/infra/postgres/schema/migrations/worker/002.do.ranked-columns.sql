-- The only change to a table of the platform. Both columns are added without a rewrite (none or a constant default), so the
-- exclusive lock lasts for milliseconds once it is granted; the runner waits for it briefly and tries again, so that nobody
-- queues behind it for long.
--
-- ranked_score: the score that the row was last ranked with, NULL = not ranked.
-- ranked_ppr: the points per referral it was ranked with, 0 = never.
ALTER TABLE public.waitlist_users
  ADD COLUMN IF NOT EXISTS ranked_score bigint,
  ADD COLUMN IF NOT EXISTS ranked_ppr int NOT NULL DEFAULT 0;

-- Room on each page for the new version of a row, so that a changed position touches no index (HOT update).
ALTER TABLE public.waitlist_users SET (fillfactor = 85);
