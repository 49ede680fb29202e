/**
 * Parts of undici 8.12.4 by their files. Its index also loads fetch, WebSocket, caches, proxies and mocks: 90 files, 10 MiB and 30 ms that
 * no webhook uses. The types are those of the index.
 */

declare module 'undici/lib/dispatcher/agent.js' {
  export { Agent as default } from 'undici'
}

declare module 'undici/lib/core/connect.js' {
  export { buildConnector as default } from 'undici'
}

declare module 'undici/lib/core/errors.js' {
  import type { errors } from 'undici'
  const HTTPParserError: typeof errors.HTTPParserError
  export { HTTPParserError }
}

declare module 'undici/lib/api/api-request.js' {
  import type { Dispatcher } from 'undici'
  /** What `dispatcher.request(options)` is once the index was loaded. */
  function request(this: Dispatcher, options: Dispatcher.RequestOptions): Promise<Dispatcher.ResponseData>
  export = request
}
