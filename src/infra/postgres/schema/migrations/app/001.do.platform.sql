-- The tables of the waitlist platform, which is another program. A live database has them already; the demo and the tests make
-- the same shape with this set. Whoever changes a row sets updated_at: there are no triggers.

CREATE TABLE public.accounts (
  id         uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
  name       text        NOT NULL,
  slug       text        NOT NULL UNIQUE,
  status     text        NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended', 'canceled')),
  settings   jsonb       NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE public.campaigns (
  id              uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
  account_id      uuid        NOT NULL REFERENCES public.accounts ON DELETE CASCADE,
  name            text        NOT NULL,
  slug            text        NOT NULL,
  status          text        NOT NULL DEFAULT 'draft' CHECK (status IN ('draft', 'active', 'paused', 'completed')),
  type            text        NOT NULL DEFAULT 'waitlist' CHECK (type IN ('waitlist', 'referral', 'contest')),
  -- {enabled, points_per_referral, verified_only}
  referral_config jsonb       NOT NULL DEFAULT '{}',
  -- {from_name, from_email, reply_to, verification_required}
  email_config    jsonb       NOT NULL DEFAULT '{}',
  -- {logo_url, primary_color, custom_domain}
  branding_config jsonb       NOT NULL DEFAULT '{}',
  total_signups   int         NOT NULL DEFAULT 0,
  total_verified  int         NOT NULL DEFAULT 0,
  total_referrals int         NOT NULL DEFAULT 0,
  created_at      timestamptz NOT NULL DEFAULT now(),
  updated_at      timestamptz NOT NULL DEFAULT now(),
  deleted_at      timestamptz,
  UNIQUE (account_id, slug)
);

CREATE TABLE public.waitlist_users (
  id                      uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
  campaign_id             uuid        NOT NULL REFERENCES public.campaigns ON DELETE CASCADE,
  email                   text        NOT NULL,
  first_name              text,
  last_name               text,
  status                  text        NOT NULL DEFAULT 'pending'
    CHECK (status IN ('pending', 'verified', 'converted', 'removed', 'blocked')),
  position                int         NOT NULL,
  original_position       int         NOT NULL,
  referral_code           text        NOT NULL UNIQUE,
  referred_by_id          uuid        REFERENCES public.waitlist_users ON DELETE SET NULL,
  referral_count          int         NOT NULL DEFAULT 0,
  verified_referral_count int         NOT NULL DEFAULT 0,
  points                  int         NOT NULL DEFAULT 0,
  email_verified          boolean     NOT NULL DEFAULT false,
  verification_token      text,
  verified_at             timestamptz,
  marketing_consent       boolean     NOT NULL DEFAULT false,
  last_activity_at        timestamptz,
  created_at              timestamptz NOT NULL DEFAULT now(),
  updated_at              timestamptz NOT NULL DEFAULT now(),
  deleted_at              timestamptz,
  UNIQUE (campaign_id, email)
);
CREATE INDEX waitlist_users_referred_by ON public.waitlist_users (referred_by_id) WHERE referred_by_id IS NOT NULL;
CREATE INDEX waitlist_users_verified ON public.waitlist_users (campaign_id, verified_at) WHERE verified_at IS NOT NULL;

CREATE TABLE public.referrals (
  id          uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
  campaign_id uuid        NOT NULL REFERENCES public.campaigns ON DELETE CASCADE,
  referrer_id uuid        NOT NULL REFERENCES public.waitlist_users ON DELETE CASCADE,
  referred_id uuid        NOT NULL REFERENCES public.waitlist_users ON DELETE CASCADE,
  status      text        NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'verified', 'converted', 'invalid')),
  verified_at timestamptz,
  created_at  timestamptz NOT NULL DEFAULT now(),
  updated_at  timestamptz NOT NULL DEFAULT now(),
  UNIQUE (referrer_id, referred_id)
);
CREATE INDEX referrals_campaign ON public.referrals (campaign_id);
CREATE INDEX referrals_referred ON public.referrals (referred_id);

CREATE TABLE public.rewards (
  id              uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
  campaign_id     uuid        NOT NULL REFERENCES public.campaigns ON DELETE CASCADE,
  name            text        NOT NULL,
  description     text,
  type            text        NOT NULL CHECK (type IN ('early_access', 'discount', 'premium_feature', 'merchandise', 'custom')),
  -- {value, code_template, instructions, expiry_days}
  config          jsonb       NOT NULL DEFAULT '{}',
  trigger_type    text        NOT NULL CHECK (trigger_type IN ('referral_count', 'position', 'milestone', 'manual')),
  trigger_config  jsonb       NOT NULL DEFAULT '{}',
  delivery_method text        NOT NULL CHECK (delivery_method IN ('email', 'webhook', 'manual')),
  -- {webhook_url, ...}
  delivery_config jsonb       NOT NULL DEFAULT '{}',
  total_available int,
  total_claimed   int         NOT NULL DEFAULT 0,
  user_limit      int         NOT NULL DEFAULT 1,
  status          text        NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'paused', 'expired')),
  starts_at       timestamptz,
  expires_at      timestamptz,
  created_at      timestamptz NOT NULL DEFAULT now(),
  updated_at      timestamptz NOT NULL DEFAULT now(),
  deleted_at      timestamptz
);
CREATE INDEX rewards_campaign ON public.rewards (campaign_id);

CREATE TABLE public.user_rewards (
  id                       uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
  user_id                  uuid        NOT NULL REFERENCES public.waitlist_users ON DELETE CASCADE,
  reward_id                uuid        NOT NULL REFERENCES public.rewards ON DELETE CASCADE,
  campaign_id              uuid        NOT NULL REFERENCES public.campaigns ON DELETE CASCADE,
  status                   text        NOT NULL DEFAULT 'pending'
    CHECK (status IN ('pending', 'earned', 'delivered', 'redeemed', 'revoked', 'expired')),
  -- {code, value, instructions}
  reward_data              jsonb       NOT NULL DEFAULT '{}',
  earned_at                timestamptz,
  delivered_at             timestamptz,
  redeemed_at              timestamptz,
  revoked_at               timestamptz,
  expires_at               timestamptz,
  delivery_attempts        int         NOT NULL DEFAULT 0,
  last_delivery_attempt_at timestamptz,
  delivery_error           text,
  revoked_reason           text,
  created_at               timestamptz NOT NULL DEFAULT now(),
  updated_at               timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX user_rewards_user ON public.user_rewards (user_id);
CREATE INDEX user_rewards_reward ON public.user_rewards (reward_id);
CREATE INDEX user_rewards_campaign ON public.user_rewards (campaign_id);

CREATE TABLE public.email_templates (
  id                 uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
  campaign_id        uuid        NOT NULL REFERENCES public.campaigns ON DELETE CASCADE,
  name               text        NOT NULL,
  type               text        NOT NULL
    CHECK (type IN ('verification', 'welcome', 'position_update', 'reward_earned', 'milestone', 'custom')),
  subject            text        NOT NULL,
  html_body          text,
  text_body          text,
  enabled            boolean     NOT NULL DEFAULT true,
  send_automatically boolean     NOT NULL DEFAULT true,
  variant_name       text,
  variant_weight     int         NOT NULL DEFAULT 100 CHECK (variant_weight >= 0),
  created_at         timestamptz NOT NULL DEFAULT now(),
  updated_at         timestamptz NOT NULL DEFAULT now(),
  deleted_at         timestamptz
);
CREATE INDEX email_templates_campaign ON public.email_templates (campaign_id, type) WHERE deleted_at IS NULL;

CREATE TABLE public.email_logs (
  id                  uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
  campaign_id         uuid        NOT NULL REFERENCES public.campaigns ON DELETE CASCADE,
  user_id             uuid        NOT NULL REFERENCES public.waitlist_users ON DELETE CASCADE,
  template_id         uuid        REFERENCES public.email_templates ON DELETE SET NULL,
  recipient_email     text        NOT NULL,
  subject             text        NOT NULL,
  type                text        NOT NULL,
  status              text        NOT NULL DEFAULT 'pending'
    CHECK (status IN ('pending', 'sent', 'delivered', 'opened', 'clicked', 'bounced', 'failed')),
  provider_message_id text,
  sent_at             timestamptz,
  failed_at           timestamptz,
  error_message       text,
  created_at          timestamptz NOT NULL DEFAULT now(),
  updated_at          timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX email_logs_campaign ON public.email_logs (campaign_id, created_at);
CREATE INDEX email_logs_user ON public.email_logs (user_id);
CREATE INDEX email_logs_provider_message ON public.email_logs (provider_message_id) WHERE provider_message_id IS NOT NULL;

CREATE TABLE public.webhooks (
  id              uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
  account_id      uuid        NOT NULL REFERENCES public.accounts ON DELETE CASCADE,
  -- Null: the whole account.
  campaign_id     uuid        REFERENCES public.campaigns ON DELETE CASCADE,
  url             text        NOT NULL,
  secret          text        NOT NULL,
  events          text[]      NOT NULL DEFAULT '{}',
  status          text        NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'paused', 'failed')),
  retry_enabled   boolean     NOT NULL DEFAULT true,
  max_retries     int         NOT NULL DEFAULT 5 CHECK (max_retries >= 0),
  total_sent      int         NOT NULL DEFAULT 0,
  total_failed    int         NOT NULL DEFAULT 0,
  last_success_at timestamptz,
  last_failure_at timestamptz,
  created_at      timestamptz NOT NULL DEFAULT now(),
  updated_at      timestamptz NOT NULL DEFAULT now(),
  deleted_at      timestamptz
);
CREATE INDEX webhooks_account ON public.webhooks (account_id);
CREATE INDEX webhooks_campaign ON public.webhooks (campaign_id) WHERE campaign_id IS NOT NULL;

CREATE TABLE public.webhook_deliveries (
  id              uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
  webhook_id      uuid        NOT NULL REFERENCES public.webhooks ON DELETE CASCADE,
  event_type      text        NOT NULL,
  payload         jsonb       NOT NULL,
  status          text        NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'success', 'failed')),
  response_status int,
  duration_ms     int,
  attempt_number  int         NOT NULL DEFAULT 1,
  next_retry_at   timestamptz,
  error_message   text,
  delivered_at    timestamptz,
  created_at      timestamptz NOT NULL DEFAULT now(),
  updated_at      timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX webhook_deliveries_webhook ON public.webhook_deliveries (webhook_id, created_at);
