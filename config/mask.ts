/** Replaces a secret. */
export const MASK = '***'

/** Up to the last @: user and password may contain an @ or a slash that should have been encoded. */
const PASSWORD_IN_URL = /(:\/\/[^?#\s:@]*):\S*@/g
const PASSWORD_PARAMETER = /([?&][^=&\s]*(?:password|secret|token)[^=&\s]*=)[^&\s]*/gi

/** The text with the passwords of all URLs in it hidden, also of URLs that do not parse. */
export function maskUrlPasswords(text: string): string {
  return text.replace(PASSWORD_IN_URL, `$1:${MASK}@`).replace(PASSWORD_PARAMETER, `$1${MASK}`)
}
