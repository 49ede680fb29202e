-- Texts of templates by the hash of their content, for mails that are sent again: worker.intents.envelope names them under `content`.
-- Each is written once.
CREATE TABLE IF NOT EXISTS worker.template_versions (
  hash    text        PRIMARY KEY,
  -- { from: campaign | built-in, subject, html, text }
  content jsonb       NOT NULL,
  -- A start of a mail named it within half a day before or after.
  used_at timestamptz NOT NULL DEFAULT now()
);
