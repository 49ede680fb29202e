/** The port to the HTTP servers of tenants. */
export interface WebhookClient {
  /**
   * Sends one POST and waits for the reply's status, at most `deadlineMs` in all. Follows no redirect, reaches no address that
   * the guard refuses, keeps nothing of the reply's body. Never throws for anything that the other side did.
   */
  post(request: WebhookRequest, signal: AbortSignal): Promise<WebhookReply>
  /** Aborts requests in flight and closes all connections. Idempotent. */
  stop(): Promise<void>
}

export interface WebhookRequest {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
  readonly deadlineMs: number
}

export type WebhookReply =
  | { readonly is: 'reply'; readonly status: number; readonly retryAfter: string | null; readonly durationMs: number }
  | { readonly is: 'failed'; readonly failure: WebhookFailure; readonly durationMs: number }

/**
 * Why there is no status. `url-refused` and `address-refused`: nothing was sent, and nothing will be until the endpoint is
 * changed. `stopped`: aborted by the caller's signal.
 */
export type WebhookFailure =
  | 'url-refused'
  | 'address-refused'
  | 'unresolved'
  | 'connection-refused'
  | 'connection-lost'
  | 'tls-failed'
  | 'timeout'
  | 'unreadable-reply'
  | 'stopped'
