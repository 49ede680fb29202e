-- Intents of paused campaigns: one probe per campaign tells whether any waits for it, and finds them when it goes on.
CREATE INDEX CONCURRENTLY IF NOT EXISTS intents_campaign_paused ON worker.intents (campaign_id)
  WHERE state = 'pending' AND reason = 'campaign-paused';
