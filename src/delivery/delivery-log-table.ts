/** The table in which a channel keeps a row per delivery; the store writes it with the intent, both or neither. */
export type DeliveryLog = 'email_logs' | 'webhook_deliveries'
