import { RelayUnavailable, type MailRelay } from './mail-relay.ts'

/** Replaces the relay where no group of this process sends mail; mails that arrive here all the same wait. */
export const noRelay: MailRelay = {
  acquire: () => Promise.reject(new RelayUnavailable('relay-closed', 'SMTP_URL is not set: this process sends no mail', 60_000)),
  verify: () => Promise.resolve(),
  stats: () => ({ connecting: 0, inUse: 0, idle: 0, waiting: 0, opened: 0, failures: 0 }),
  host: 'none',
  away: () => null,
  close: () => Promise.resolve(),
}
