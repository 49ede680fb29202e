-- The order of each campaign's leaderboard. Never an index on position: it would end every HOT update.
CREATE INDEX CONCURRENTLY IF NOT EXISTS waitlist_users_ranked
  ON public.waitlist_users (campaign_id, ranked_score, created_at, id)
  WHERE ranked_score IS NOT NULL;
