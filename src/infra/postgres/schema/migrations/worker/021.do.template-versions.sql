-- Texts of templates by the hash of their content, for mails that are sent again: worker.intents.envelope names them under `content`.
-- Each is written once.
CREATE TABLE IF NOT EXISTS worker.template_versions (
  hash    text        PRIMARY KEY,
  -- { from: campaign | built-in, subject, html, text }
  content jsonb       NOT NULL,
  -- Mails were started with it until then, or until an hour later.
  used_at timestamptz NOT NULL DEFAULT now()
);
