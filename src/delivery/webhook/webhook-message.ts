import type { JsonObject } from '../../model/intent.ts'

/** A webhook as `prepare` describes it. The payload becomes body bytes once, at the first start. */
export interface WebhookMessage {
  /** Row of `webhooks` that receives it. */
  readonly endpointId: string
  readonly url: string
  /** `whsec_` and base64, or any other text: see signature.ts. Never logged. */
  readonly secret: string
  readonly eventType: string
  readonly payload: JsonObject
  readonly retryEnabled: boolean
  /** Attempts after the first at most. */
  readonly maxRetries: number
}

declare module '../../model/messages.ts' {
  interface Messages {
    readonly webhook: WebhookMessage
  }
}
