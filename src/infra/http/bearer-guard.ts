import { createHash, timingSafeEqual } from 'node:crypto'

/** Whether the header `Authorization` of a request shows the token. */
export type BearerGuard = (authorization: string | undefined) => boolean

/** Compares digests of equal length, whatever was sent, so that the time of the comparison reveals nothing. */
export function createBearerGuard(token: string): BearerGuard {
  const expected = digest(token)
  return (authorization) => timingSafeEqual(digest(bearerOf(authorization)), expected)
}

/** RFC 9110, 11.1 and 11.4: the scheme in any case, one blank or several behind it. Empty when there is no bearer token. */
function bearerOf(authorization: string | undefined): string {
  return /^bearer +(\S+)[ \t]*$/i.exec(authorization ?? '')?.[1] ?? ''
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
