import { webcrypto } from 'node:crypto'

// The package wants a polyfill of a decorators' proposal before it is loaded, for injections that making certificates never uses.
Object.assign(Reflect, { getMetadata: () => undefined, getOwnMetadata: () => undefined, defineMetadata: () => undefined })
const x509 = await import('@peculiar/x509')

/** A certificate with its key, PEM texts. */
export interface Certificate {
  readonly cert: string
  /** PKCS #8, without a passphrase. */
  readonly key: string
}

export interface Authority {
  /** Its own certificate, PEM: what others trust. */
  readonly ca: string
  /** For a server under these host names and addresses; valid from a day ago to tomorrow, or over since yesterday. */
  server(names: readonly string[], options?: { readonly expired?: boolean }): Promise<Certificate>
  /** For a client of this name. */
  client(name: string): Promise<Certificate>
}

/** An authority made a moment ago and known to nobody; its key is gone with this process. */
export async function createAuthority(name: string): Promise<Authority> {
  const keys = await newKeys()
  const issuer = `CN=${name}`
  const root = await x509.X509CertificateGenerator.createSelfSigned({
    name: issuer,
    keys,
    signingAlgorithm: ALGORITHM,
    notBefore: days(-2),
    notAfter: days(2),
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    ],
  })
  const issue = async (
    subject: string,
    extensions: readonly InstanceType<typeof x509.Extension>[],
    notAfter: Date,
  ): Promise<Certificate> => {
    const own = await newKeys()
    const made = await x509.X509CertificateGenerator.create({
      subject: `CN=${subject}`,
      issuer,
      publicKey: own.publicKey,
      signingKey: keys.privateKey,
      signingAlgorithm: ALGORITHM,
      notBefore: days(-1.5),
      notAfter,
      extensions: [
        new x509.BasicConstraintsExtension(false),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature),
        ...extensions,
      ],
    })
    return { cert: made.toString('pem'), key: pem(await webcrypto.subtle.exportKey('pkcs8', own.privateKey)) }
  }
  return {
    ca: root.toString('pem'),
    server: (names, { expired = false } = {}) =>
      issue(
        names[0] ?? 'server',
        [
          new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
          new x509.SubjectAlternativeNameExtension(names.map((one) => ({ type: /^[\d.]+$/.test(one) ? 'ip' : 'dns', value: one }))),
        ],
        days(expired ? -1 : 1),
      ),
    client: (subject) => issue(subject, [new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth])], days(1)),
  }
}

/** P-256, because RSA keys take seconds to make. */
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }

async function newKeys() {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
}

function days(count: number): Date {
  return new Date(Date.now() + count * 86_400_000)
}

function pem(der: ArrayBuffer): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return `-----BEGIN PRIVATE KEY-----\n${lines.join('\n')}\n-----END PRIVATE KEY-----\n`
}
