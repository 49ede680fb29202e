-- Rows whose stored rank no longer follows from their source columns. A query uses this index only when it repeats the
-- predicate word for word.
CREATE INDEX CONCURRENTLY IF NOT EXISTS waitlist_users_dirty
  ON public.waitlist_users (campaign_id)
  WHERE ranked_score IS DISTINCT FROM CASE WHEN deleted_at IS NULL AND status NOT IN ('blocked','removed') THEN original_position::bigint - verified_referral_count::bigint * ranked_ppr END;
