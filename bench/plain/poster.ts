import { createHmac } from 'node:crypto'
import { Pool } from 'undici'
import { POOL, setting, type PlainEvent } from './group.ts'

/** A signed POST of the event to the one endpoint, through undici's pool. */
export function poster() {
  const target = new URL(setting('WEBHOOK_URL'))
  const secret = setting('WEBHOOK_SECRET')
  const pool = new Pool(target.origin, { connections: POOL })
  return {
    send: async ({ id, type, timestamp, data }: PlainEvent): Promise<void> => {
      const body = JSON.stringify({ id, type, timestamp, data })
      const at = String(Math.floor(Date.now() / 1000))
      const signature = createHmac('sha256', secret).update(`${id}.${at}.${body}`).digest('base64')
      const headers = {
        'content-type': 'application/json',
        'webhook-id': id,
        'webhook-timestamp': at,
        'webhook-signature': `v1,${signature}`,
      }
      const reply = await pool.request({ method: 'POST', path: target.pathname, headers, body, headersTimeout: 5_000, bodyTimeout: 5_000 })
      await reply.body.dump()
      if (reply.statusCode >= 300) throw new Error(`The endpoint answered ${reply.statusCode}.`)
    },
    close: () => void pool.close(),
  }
}
