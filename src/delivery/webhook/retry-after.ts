/**
 * Milliseconds that a `Retry-After` header requests: seconds, or an HTTP date in one of the three forms of RFC 9110, 5.6.7.
 * Zero for a date that has passed; null for what is neither. No upper bound: the caller has one.
 */
export function retryAfterMs(value: string | null, nowMs: number): number | null {
  const text = value?.trim() ?? ''
  if (/^\d+$/.test(text)) return Number(text) * 1000
  const at = httpDate(text)
  return at === null ? null : Math.max(0, at - nowMs)
}

/** Date.parse alone takes almost anything for a date ("-5", "1.5") and reads the zoneless form as local time. */
function httpDate(text: string): number | null {
  const zoned = imfFixdate.test(text) || rfc850Date.test(text) ? text : asctimeDate.test(text) ? `${text} GMT` : null
  const at = zoned === null ? Number.NaN : Date.parse(zoned)
  return Number.isNaN(at) ? null : at
}

const imfFixdate = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/
const rfc850Date = /^[A-Z][a-z]+day, \d{2}-[A-Z][a-z]{2}-\d{2} \d{2}:\d{2}:\d{2} GMT$/
const asctimeDate = /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2} \d{4}$/
