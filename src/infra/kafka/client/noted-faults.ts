import type { ISocketFactory } from 'kafkajs'

/** Remembers why no connection can be made, which kafkajs reports only after all of its retries. `lastFault` is null while there is one. */
export function notingFaults(factory: ISocketFactory): { readonly open: ISocketFactory; lastFault(): string | null } {
  let fault: string | null = null
  return {
    open: (request) => {
      const socket = factory(request)
      socket.once('connect', () => (fault = null))
      // The error of a host name with several addresses has no message.
      socket.once(
        'error',
        (error: NodeJS.ErrnoException) => (fault = error.message === '' ? (error.code ?? 'no connection') : error.message),
      )
      return socket
    },
    lastFault: () => fault,
  }
}
