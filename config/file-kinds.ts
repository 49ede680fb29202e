import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Kind, Parsed } from './variable.ts'

/** The path of a PEM file with one or more certificates; its value is the PEM text, each certificate of which can be read. */
export const certificateFile: Kind<string> = {
  expects: 'the path of a PEM file with certificates that this user may read',
  parse: (path) => readPem(path, wrongWithCertificates),
}

/** The path of a PEM file with a private key; its value is the PEM text. Keys behind a passphrase cannot be used. */
export const keyFile: Kind<string> = {
  expects: 'the path of a PEM file with a private key without a passphrase that this user may read',
  parse: (path) => readPem(path, wrongWithKey),
}

/** Authorities as libpq names them: a file, or `system` for the public ones. */
export const authorities: Kind<string> = {
  expects: `${certificateFile.expects}, or system for the public authorities`,
  parse: (text) => (text === 'system' ? { value: text } : certificateFile.parse(text)),
}

/** Whether the key is that of the first certificate, both PEM texts that can be read. */
export function belongTogether(certificate: string, key: string): boolean {
  return new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key))
}

function readPem(path: string, wrongWith: (text: string) => string | null): Parsed<string> {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    return { wrong: `names a file that cannot be read (${error instanceof Error && 'code' in error ? String(error.code) : 'unreadable'})` }
  }
  if (text.trim() === '') return { wrong: 'names a file that is empty' }
  const wrong = wrongWith(text)
  return wrong === null ? { value: text } : { wrong }
}

function wrongWithCertificates(text: string): string | null {
  const found = text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g)
  if (found === null) return 'names a file without a certificate in PEM'
  return found.every(isCertificate) ? null : 'names a file with a certificate that cannot be read'
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).serialNumber !== ''
  } catch {
    // The message of OpenSSL does not help an operator.
    return false
  }
}

function wrongWithKey(text: string): string | null {
  if (/-----BEGIN ENCRYPTED PRIVATE KEY-----|Proc-Type: 4,ENCRYPTED/.test(text)) return 'names a file with a key that needs a passphrase'
  try {
    createPrivateKey(text)
    return null
  } catch {
    // The same; and nothing of a key is ever quoted.
    return 'names a file without a private key in PEM'
  }
}
