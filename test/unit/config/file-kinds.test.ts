import { afterAll, describe, expect, it } from 'vitest'
import { authorities, belongTogether, certificateFile, keyFile } from '../../../config/file-kinds.ts'
import { pemFiles } from './pem-files.ts'

const files = await pemFiles()
afterAll(() => files.remove())

describe('certificateFile', () => {
  it('returns the text of one or more certificates', () => {
    expect(certificateFile.parse(files.ca)).toEqual({ value: files.text.ca })
    expect(certificateFile.parse(files.bundle)).toEqual({ value: expect.stringContaining(files.text.ca) })
  })

  it.each([
    ['none', 'names a file that cannot be read (ENOENT)'],
    ['folder', 'names a file that cannot be read (EISDIR)'],
    ['empty', 'names a file that is empty'],
    ['words', 'names a file without a certificate in PEM'],
    ['key', 'names a file without a certificate in PEM'],
    ['broken', 'names a file with a certificate that cannot be read'],
  ] as const)('says what is wrong with %s', (name, wrong) => {
    expect(certificateFile.parse(files[name])).toEqual({ wrong })
  })
})

describe('keyFile', () => {
  it('returns the text of the key', () => {
    expect(keyFile.parse(files.key)).toEqual({ value: files.text.key })
  })

  it.each([
    ['none', 'names a file that cannot be read (ENOENT)'],
    ['empty', 'names a file that is empty'],
    ['words', 'names a file without a private key in PEM'],
    ['cert', 'names a file without a private key in PEM'],
    ['locked', 'names a file with a key that needs a passphrase'],
    ['oldLocked', 'names a file with a key that needs a passphrase'],
  ] as const)('says what is wrong with %s', (name, wrong) => {
    expect(keyFile.parse(files[name])).toEqual({ wrong })
  })
})

it('authorities are a file, or system for the public ones', () => {
  expect(authorities.parse('system')).toEqual({ value: 'system' })
  expect(authorities.parse(files.ca)).toEqual({ value: files.text.ca })
  expect(authorities.parse(files.words)).toHaveProperty('wrong')
})

it('a key of another certificate is recognised', () => {
  expect(belongTogether(files.text.cert, files.text.key)).toBe(true)
  const other = keyFile.parse(files.strangersKey)
  expect('value' in other && belongTogether(files.text.cert, other.value)).toBe(false)
})
