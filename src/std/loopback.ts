/** Whether a host, as written in a URL or a setting, is the loopback interface, so that traffic to it crosses no network. */
export function isLoopback(host: string): boolean {
  return /^(?:localhost\.?|\[?::1\]?|127(?:\.\d{1,3}){3})$/i.test(host)
}
