import { ConfigError, loadConfig, type Config } from '../../../config/load.ts'

/** What must be given, with a database and a relay that need no word about TLS. */
const least = {
  KAFKA_BROKERS: 'kafka-1.example.com:9092',
  DATABASE_URL: 'postgresql://worker:hush@localhost/platform',
  SMTP_URL: 'smtp://worker:hush@mail.example.com:587',
  MAIL_FROM: 'news@example.com',
}
const known = { groups: ['email-workers'], mailGroups: ['email-workers'] }

export function loadWith(more: Readonly<Record<string, string>>): Config {
  return loadConfig({ ...least, ...more }, known)
}

export function problemsWith(more: Readonly<Record<string, string>>): readonly string[] {
  try {
    loadWith(more)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}
