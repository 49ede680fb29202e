/** Whether a host, as a URL or a setting names it, is this machine: what is sent there crosses no network. */
export function isLoopback(host: string): boolean {
  return /^(?:localhost\.?|\[?::1\]?|127(?:\.\d{1,3}){3})$/i.test(host)
}
